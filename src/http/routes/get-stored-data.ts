import { NOTHING_STORED } from '../../ports/conversations.ts';
import { userParams } from '../../protocol/requests.ts';
import { storedDataSchema } from '../../protocol/resources.ts';
import { EXAMPLE_STORED_DATA } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { storedDataResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const getStoredData = defineRoute({
  id: 'getStoredData',
  method: 'GET',
  path: '/users/{user_id}/data',
  group: 'Users',
  summary: 'What is kept of a user',
  description: 'Counts and sizes of all that the deletion of the user would remove from the databases.',
  access: 'key',
  params: userParams,
  responses: { 200: { description: 'So much.', schema: storedDataSchema, example: EXAMPLE_STORED_DATA } },
  errors: ['rate_limited'],
  example: { params: { user_id: 'ada' } },
  async handle(http, input) {
    await takeRequest(http, input, input.params.user_id);
    const { conversations, items } = http.deps.ports;
    const userId = await findUser(http, input.caller, input.params.user_id);
    if (userId === null) return ok(storedDataResource(NOTHING_STORED, []));
    const [stored, arranged] = await Promise.all([conversations.stored(userId), items.list(userId)]);
    return ok(storedDataResource(stored, arranged));
  },
});
