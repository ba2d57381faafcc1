import { listConversationsQuery, userParams } from '../../protocol/requests.ts';
import { conversationSchema, pageOf } from '../../protocol/resources.ts';
import { EXAMPLE_CONVERSATION } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { conversationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

const ORDINARY_LIMIT = 30;

export const listConversations = defineRoute({
  id: 'listConversations',
  method: 'GET',
  path: '/users/{user_id}/conversations',
  group: 'Conversations',
  summary: "A user's conversations",
  description: 'Newest activity first, a page at a time: pass `next` as `after` for the page behind.',
  access: 'key',
  params: userParams,
  query: listConversationsQuery,
  responses: {
    200: {
      description: 'A page.',
      schema: pageOf(conversationSchema, 'Pass it as `after`; null at the end.'),
      example: { items: [EXAMPLE_CONVERSATION], next: null },
    },
  },
  errors: [],
  example: { params: { user_id: 'ada' }, query: { limit: '30' } },
  async handle(http, { caller, params, query }) {
    const userId = await findUser(http, caller, params.user_id);
    if (userId === null) return ok({ items: [], next: null });
    const { limit = ORDINARY_LIMIT, archived = false, folder, ...rest } = query;
    const page = { ...rest, ...(folder !== undefined && { folder: folder.toLowerCase() }) };
    const { items, next } = await http.deps.ports.conversations.list(userId, { ...page, limit, archived });
    return ok({ items: items.map(conversationResource), next });
  },
});
