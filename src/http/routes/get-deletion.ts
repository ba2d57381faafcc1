import { ChatError } from '../../protocol/errors.ts';
import { userParams } from '../../protocol/requests.ts';
import { deletionSchema } from '../../protocol/resources.ts';
import { allowUser } from '../auth.ts';
import { EXAMPLE_DELETION } from '../examples.ts';
import { deletionResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const getDeletion = defineRoute({
  id: 'getDeletion',
  method: 'GET',
  path: '/users/{user_id}/deletion',
  group: 'Users',
  summary: 'The receipt of the last deletion of a user',
  description:
    'Of whoever had the name before; deletes nothing, whoever has it now. `finished_at` is null while something is still to be removed.',
  access: 'key',
  params: userParams,
  responses: { 200: { description: 'The receipt.', schema: deletionSchema, example: EXAMPLE_DELETION } },
  errors: ['deletion_not_found'],
  example: { params: { user_id: 'ada' } },
  async handle(http, { caller, params }) {
    const { deletions } = http.deps.ports;
    const receipt = await deletions.lastReceipt(caller.workspace.id, allowUser(caller, params.user_id));
    if (!receipt) throw new ChatError('deletion_not_found');
    return ok(deletionResource(receipt));
  },
});
