import { ChatError } from '../../protocol/errors.ts';
import { giveFeedbackSchema, messageParams } from '../../protocol/requests.ts';
import { EXAMPLE_ID } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { defineRoute, noContent } from '../route.ts';

export const putFeedback = defineRoute({
  id: 'putFeedback',
  method: 'PUT',
  path: '/users/{user_id}/conversations/{number}/messages/{id}/feedback',
  group: 'Conversations',
  summary: 'Say what you think of an answer',
  description: 'Replaces what was said before; a `rating` of null takes it back.',
  access: 'key',
  params: messageParams,
  body: giveFeedbackSchema,
  responses: { 204: { description: 'Kept.' } },
  errors: ['conversation_not_found', 'message_not_found', 'rate_limited'],
  unknownParam: { number: 'conversation_not_found', id: 'message_not_found' },
  example: {
    params: { user_id: 'ada', number: '42', id: EXAMPLE_ID },
    body: { rating: 'up', comment: 'Short and right.' },
  },
  async handle(http, input) {
    const { params, body } = input;
    await takeRequest(http, input, params.user_id);
    const userId = await findUserOfConversation(http, input.caller, params.user_id);
    const { conversations } = http.deps.ports;
    const comment = body.comment?.toWellFormed().replaceAll('\0', '');
    const feedback = body.rating && { rating: body.rating, ...(comment && { comment }) };
    if (await conversations.setFeedback(userId, params.number, params.id.toLowerCase(), feedback)) return noContent;
    const conversation = await conversations.get(userId, params.number);
    throw new ChatError(conversation ? 'message_not_found' : 'conversation_not_found');
  },
});
