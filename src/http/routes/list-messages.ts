import { ChatError } from '../../protocol/errors.ts';
import { conversationParams, listMessagesQuery } from '../../protocol/requests.ts';
import { messageSchema, pageOf } from '../../protocol/resources.ts';
import { EXAMPLE_MESSAGE, EXAMPLE_MESSAGE_ID } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { messageResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

const ORDINARY_LIMIT = 50;

export const listMessages = defineRoute({
  id: 'listMessages',
  method: 'GET',
  path: '/users/{user_id}/conversations/{number}/messages',
  group: 'Conversations',
  summary: 'The messages of one branch',
  description:
    'The branch that ends at `leaf`, newest message first, a page at a time: pass `next` as `before`. Each message names its siblings, which lead to the other branches. Answers that are being made are there too, `queued` or `running`.',
  access: 'key',
  params: conversationParams,
  query: listMessagesQuery,
  responses: {
    200: {
      description: 'A page.',
      schema: pageOf(messageSchema, 'Pass it as `before`; null at the first message.'),
      example: { items: [EXAMPLE_MESSAGE], next: EXAMPLE_MESSAGE_ID },
    },
  },
  errors: ['conversation_not_found', 'message_not_found'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' }, query: { limit: '50' } },
  async handle(http, { caller, params, query }) {
    const userId = await findUserOfConversation(http, caller, params.user_id);
    const { conversations } = http.deps.ports;
    const branch = await conversations.branch(userId, params.number, {
      limit: query.limit ?? ORDINARY_LIMIT,
      ...(query.leaf !== undefined && { leaf: query.leaf.toLowerCase() }),
      ...(query.through !== undefined && { through: query.through.toLowerCase() }),
      ...(query.before !== undefined && { before: query.before.toLowerCase() }),
    });
    if (!branch) {
      const conversation = await conversations.get(userId, params.number);
      throw new ChatError(conversation ? 'message_not_found' : 'conversation_not_found');
    }
    const oldest = branch.at(-1);
    const next = oldest && oldest.parentId !== null ? oldest.id : null;
    return ok({ items: branch.map(messageResource), next });
  },
});
