import { ChatError } from '../../protocol/errors.ts';
import { changeConversationSchema, conversationParams } from '../../protocol/requests.ts';
import { conversationSchema } from '../../protocol/resources.ts';
import { cleanText } from '../accept.ts';
import { EXAMPLE_CONVERSATION } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { conversationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const patchConversation = defineRoute({
  id: 'patchConversation',
  method: 'PATCH',
  path: '/users/{user_id}/conversations/{number}',
  group: 'Conversations',
  summary: 'Rename, pin or archive a conversation',
  description: 'Only what is sent is changed.',
  access: 'key',
  params: conversationParams,
  body: changeConversationSchema,
  responses: {
    200: {
      description: 'As it is now.',
      schema: conversationSchema,
      example: { ...EXAMPLE_CONVERSATION, pinned: true },
    },
  },
  errors: ['conversation_not_found', 'rate_limited'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' }, body: { pinned: true } },
  async handle(http, input) {
    await takeRequest(http, input, input.params.user_id);
    const userId = await findUserOfConversation(http, input.caller, input.params.user_id);
    const { title, ...marks } = input.body;
    const change = { ...marks, ...(title !== undefined && { title: cleanText(title) }) };
    const conversation = await http.deps.ports.conversations.update(userId, input.params.number, change);
    if (!conversation) throw new ChatError('conversation_not_found');
    return ok(conversationResource(conversation));
  },
});
