import type { ItemValue } from '../../ports/user-items.ts';
import { itemParams, putItemSchema } from '../../protocol/requests.ts';
import type { ItemValueResource } from '../../protocol/resources.ts';
import { cleanText, settingsOf } from '../accept.ts';
import { allowUser } from '../auth.ts';
import { EXAMPLE_ITEM_ID } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { defineRoute, noContent } from '../route.ts';

/** Of each kind; the page loads all at once. */
const MOST_ITEMS = 200;

export const putItem = defineRoute({
  id: 'putItem',
  method: 'PUT',
  path: '/users/{user_id}/items/{id}',
  group: 'Items',
  summary: 'Make or change an item',
  description: `The caller makes the id, a UUID, so that a repetition makes no second one. At most ${MOST_ITEMS} of each kind.`,
  access: 'key',
  params: itemParams,
  body: putItemSchema,
  responses: { 204: { description: 'It is as it was sent.' } },
  errors: ['too_many_items', 'item_id_taken', 'rate_limited'],
  unknownParam: { id: 'item_not_found' },
  example: { params: { user_id: 'ada', id: EXAMPLE_ITEM_ID }, body: { kind: 'folder', name: 'Thesis' } },
  async handle(http, input) {
    const { caller, params, body } = input;
    await takeRequest(http, input, params.user_id);
    const { directory, items } = http.deps.ports;
    const userId = await directory.ensureUser(caller.workspace.id, allowUser(caller, params.user_id));
    await items.put(userId, { id: params.id.toLowerCase(), ...itemOf(body) }, MOST_ITEMS);
    return noContent;
  },
});

function itemOf(value: ItemValueResource): ItemValue {
  switch (value.kind) {
    case 'folder':
      return { ...value, name: cleanText(value.name) };
    case 'prompt':
      return { ...value, name: cleanText(value.name), text: cleanText(value.text) };
    case 'assistant':
      return { ...value, name: cleanText(value.name), settings: settingsOf(value.settings) };
    case 'defaults':
      return { ...value, settings: settingsOf(value.settings) };
  }
}
