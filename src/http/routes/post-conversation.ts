import { type RequestLimits, startConversationSchema, userParams } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { accept, beginOf, cleanText, paramsOf } from '../accept.ts';
import { EXAMPLE_GENERATION } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { generationResource } from '../represent.ts';
import { ACCEPT_ERRORS, accepted, defineRoute } from '../route.ts';

export const postConversation = (limits: RequestLimits) =>
  defineRoute({
    id: 'postConversation',
    method: 'POST',
    path: '/users/{user_id}/conversations',
    group: 'Conversations',
    summary: 'Begin a conversation with a message',
    description: 'Accepts the message for good. The answer streams from `stream_endpoint`.',
    access: 'key',
    params: userParams,
    body: startConversationSchema(limits),
    headers: ['Idempotency-Key'],
    responses: { 202: { description: 'Accepted.', schema: generationSchema, example: EXAMPLE_GENERATION } },
    errors: ACCEPT_ERRORS,
    example: { params: { user_id: 'ada' }, body: { message: 'What is the capital of France?' } },
    async handle(http, input) {
      await takeRequest(http, input, input.params.user_id);
      const { message, lane = 'stream', auto_title = false, ...options } = input.body;
      const { generation } = await accept(http, input, {
        userId: input.params.user_id,
        request: { kind: 'message', content: cleanText(message) },
        lane,
        direct: false,
        begin: beginOf(options),
        params: { ...paramsOf(options), ...(auto_title && !options.temporary && { autoTitle: true }) },
        webhook_url: options.webhook_url,
        body: input.body,
      });
      return accepted(await generationResource(http.deps.ports, generation));
    },
  });
