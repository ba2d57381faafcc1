import { chatRequestSchema, type RequestLimits } from '../../protocol/requests.ts';
import { acceptChat } from '../accept.ts';
import { streaming, streamingSchema } from '../answer-shapes.ts';
import { EXAMPLE_ID } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { ACCEPT_ERRORS, defineRoute, ok } from '../route.ts';

export const postStreamChat = (limits: RequestLimits) =>
  defineRoute({
    id: 'postStreamChat',
    method: 'POST',
    path: '/stream-chat',
    group: 'Chat',
    summary: 'Ask, and read the answer as it is written',
    description:
      'Accepts the message for good and says where its answer streams. The stream may be opened at once, later, or several times; the answer is made either way.',
    access: 'key',
    body: chatRequestSchema(limits),
    headers: ['Idempotency-Key'],
    responses: { 200: { description: 'Accepted.', schema: streamingSchema, example: streaming(EXAMPLE_ID) } },
    errors: ACCEPT_ERRORS,
    example: { body: { user_id: 'ada', message: 'Tell me a story about a lighthouse.' } },
    async handle(http, input) {
      await takeRequest(http, input, input.body.user_id);
      const { generation } = await acceptChat(http, input, { lane: 'stream', direct: false });
      return ok(streaming(generation.id));
    },
  });
