import Type from 'typebox';
import { searchQuery, userParams } from '../../protocol/requests.ts';
import { searchHitSchema } from '../../protocol/resources.ts';
import { cleanText } from '../accept.ts';
import { EXAMPLE_HIT } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { searchHitResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

const ORDINARY_LIMIT = 20;

export const searchMessages = defineRoute({
  id: 'searchMessages',
  method: 'GET',
  path: '/users/{user_id}/search',
  group: 'Conversations',
  summary: "Search in a user's messages",
  description:
    'Full text, best first, over what the user said and was told. Months that were archived are not searched.',
  access: 'key',
  params: userParams,
  query: searchQuery,
  responses: {
    200: {
      description: 'What was found.',
      schema: Type.Object({ items: Type.Array(searchHitSchema) }),
      example: { items: [EXAMPLE_HIT] },
    },
  },
  errors: [],
  example: { params: { user_id: 'ada' }, query: { q: 'paris' } },
  async handle(http, { caller, params, query }) {
    const userId = await findUser(http, caller, params.user_id);
    if (userId === null) return ok({ items: [] });
    const limit = query.limit ?? ORDINARY_LIMIT;
    const hits = await http.deps.ports.conversations.search(userId, cleanText(query.q), limit);
    return ok({ items: hits.map(searchHitResource) });
  },
});
