import { deleteConversation as deleteFromCore } from '../../core/delete-conversation.ts';
import { conversationParams } from '../../protocol/requests.ts';
import { findUserOfConversation } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { defineRoute, noContent } from '../route.ts';

export const deleteConversation = defineRoute({
  id: 'deleteConversation',
  method: 'DELETE',
  path: '/users/{user_id}/conversations/{number}',
  group: 'Conversations',
  summary: 'Delete a conversation for good',
  description: 'Answers that are being made for it are stopped.',
  access: 'key',
  params: conversationParams,
  responses: { 204: { description: 'It is gone.' } },
  errors: ['conversation_not_found', 'rate_limited'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' } },
  async handle(http, input) {
    const { caller, params } = input;
    await takeRequest(http, input, params.user_id);
    const userId = await findUserOfConversation(http, caller, params.user_id);
    const { ports, stop } = http.deps;
    await deleteFromCore(ports, stop, userId, params.number);
    return noContent;
  },
});
