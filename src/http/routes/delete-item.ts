import { ChatError } from '../../protocol/errors.ts';
import { itemParams } from '../../protocol/requests.ts';
import { EXAMPLE_ITEM_ID } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { defineRoute, noContent } from '../route.ts';

export const deleteItem = defineRoute({
  id: 'deleteItem',
  method: 'DELETE',
  path: '/users/{user_id}/items/{id}',
  group: 'Items',
  summary: 'Remove an item',
  description: 'Of a folder the conversations stay, without one. Of a share the link shows nothing any more.',
  access: 'key',
  params: itemParams,
  responses: { 204: { description: 'It is gone.' } },
  errors: ['item_not_found', 'rate_limited'],
  unknownParam: { id: 'item_not_found' },
  example: { params: { user_id: 'ada', id: EXAMPLE_ITEM_ID } },
  async handle(http, input) {
    await takeRequest(http, input, input.params.user_id);
    const userId = await findUser(http, input.caller, input.params.user_id);
    const isGone = userId !== null && (await http.deps.ports.items.remove(userId, input.params.id.toLowerCase()));
    if (!isGone) throw new ChatError('item_not_found');
    return noContent;
  },
});
