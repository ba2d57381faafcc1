import { deleteUser as deleteInCore } from '../../core/delete-user.ts';
import { userParams } from '../../protocol/requests.ts';
import { deletionSchema } from '../../protocol/resources.ts';
import { allowUser } from '../auth.ts';
import { EXAMPLE_DELETION } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { deletionResource } from '../represent.ts';
import { accepted, defineRoute, ok } from '../route.ts';

export const deleteUser = defineRoute({
  id: 'deleteUser',
  method: 'DELETE',
  path: '/users/{user_id}',
  group: 'Users',
  summary: 'Delete a user and everything that is kept of them',
  description:
    'Answers that are being made are stopped; conversations, archives, usage, caches and logs are removed from every database, and the receipt says how much that was. Asked again, it gives the same receipt. Whoever uses the name afterwards is a new user.',
  access: 'key',
  params: userParams,
  responses: {
    200: { description: 'Everything is gone.', schema: deletionSchema, example: EXAMPLE_DELETION },
    202: {
      description:
        'A database is away: nothing of the user can be read or written any more, and what is left goes when it is back.',
      schema: deletionSchema,
      example: { ...EXAMPLE_DELETION, finished_at: null, erased: null, databases: [] },
    },
  },
  errors: ['user_not_found', 'rate_limited'],
  example: { params: { user_id: 'ada' } },
  async handle(http, input) {
    const { caller, params } = input;
    await takeRequest(http, input, params.user_id);
    const { ports, stop } = http.deps;
    const receipt = await deleteInCore(ports, stop, caller.workspace.id, allowUser(caller, params.user_id));
    return (receipt.finishedAt === null ? accepted : ok)(deletionResource(receipt));
  },
});
