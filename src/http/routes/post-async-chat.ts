import Type from 'typebox';
import { chatRequestSchema, type RequestLimits } from '../../protocol/requests.ts';
import { acceptChat } from '../accept.ts';
import { processing, processingSchema, streaming, streamingSchema } from '../answer-shapes.ts';
import { EXAMPLE_ID } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { ACCEPT_ERRORS, defineRoute, ok } from '../route.ts';

export const postAsyncChat = (limits: RequestLimits) =>
  defineRoute({
    id: 'postAsyncChat',
    method: 'POST',
    path: '/async-chat',
    group: 'Chat',
    summary: 'Ask, and fetch the answer later',
    description:
      'Accepts the message for good and says where to look for the answer. With `"stream": true` it names the stream instead, as `/stream-chat` does.',
    access: 'key',
    body: chatRequestSchema(limits),
    headers: ['Idempotency-Key'],
    responses: {
      200: {
        description: 'Accepted.',
        schema: Type.Union([processingSchema, streamingSchema]),
        example: processing(EXAMPLE_ID),
      },
    },
    errors: ACCEPT_ERRORS,
    example: { body: { user_id: 'ada', message: 'What is the capital of France?' } },
    async handle(http, input) {
      await takeRequest(http, input, input.body.user_id);
      const { generation } = await acceptChat(http, input, { lane: 'chat', direct: false });
      return ok(input.body.stream ? streaming(generation.id) : processing(generation.id));
    },
  });
