import { ChatError } from '../../protocol/errors.ts';
import { conversationParams } from '../../protocol/requests.ts';
import { conversationSchema } from '../../protocol/resources.ts';
import { EXAMPLE_CONVERSATION } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { conversationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const getConversation = defineRoute({
  id: 'getConversation',
  method: 'GET',
  path: '/users/{user_id}/conversations/{number}',
  group: 'Conversations',
  summary: 'One conversation',
  description: 'Without its messages.',
  access: 'key',
  params: conversationParams,
  responses: { 200: { description: 'The conversation.', schema: conversationSchema, example: EXAMPLE_CONVERSATION } },
  errors: ['conversation_not_found'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' } },
  async handle(http, { caller, params }) {
    const userId = await findUserOfConversation(http, caller, params.user_id);
    const conversation = await http.deps.ports.conversations.get(userId, params.number);
    if (!conversation) throw new ChatError('conversation_not_found');
    return ok(conversationResource(conversation));
  },
});
