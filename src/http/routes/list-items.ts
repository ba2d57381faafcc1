import Type from 'typebox';
import { userParams } from '../../protocol/requests.ts';
import { itemSchema } from '../../protocol/resources.ts';
import { EXAMPLE_ITEM } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { itemResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const listItems = defineRoute({
  id: 'listItems',
  method: 'GET',
  path: '/users/{user_id}/items',
  group: 'Items',
  summary: 'What a user arranged',
  description:
    'Folders, saved assistants, prompts, shares, and what new conversations begin with: all of them, oldest first.',
  access: 'key',
  params: userParams,
  responses: {
    200: {
      description: 'All.',
      schema: Type.Object({ items: Type.Array(itemSchema) }),
      example: { items: [EXAMPLE_ITEM] },
    },
  },
  errors: [],
  example: { params: { user_id: 'ada' } },
  async handle(http, { caller, params }) {
    const userId = await findUser(http, caller, params.user_id);
    const items = userId === null ? [] : await http.deps.ports.items.list(userId);
    return ok({ items: items.map(itemResource) });
  },
});
