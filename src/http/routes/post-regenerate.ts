import { messageParams, type RequestLimits, regenerateSchema } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { accept, paramsOf } from '../accept.ts';
import { EXAMPLE_GENERATION, EXAMPLE_ID } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { generationResource } from '../represent.ts';
import { ACCEPT_ERRORS, accepted, defineRoute } from '../route.ts';

export const postRegenerate = (limits: RequestLimits) =>
  defineRoute({
    id: 'postRegenerate',
    method: 'POST',
    path: '/users/{user_id}/conversations/{number}/messages/{id}/regenerate',
    group: 'Conversations',
    summary: 'Answer a message again',
    description: 'Of a user message, or of the one above an answer. The new answer stands beside the old one.',
    access: 'key',
    params: messageParams,
    body: regenerateSchema(limits),
    bodyPresence: 'optional',
    headers: ['Idempotency-Key'],
    responses: { 202: { description: 'Accepted.', schema: generationSchema, example: EXAMPLE_GENERATION } },
    errors: ACCEPT_ERRORS,
    unknownParam: { number: 'conversation_not_found', id: 'message_not_found' },
    example: { params: { user_id: 'ada', number: '42', id: EXAMPLE_ID }, body: { temperature: 0.9 } },
    async handle(http, input) {
      await takeRequest(http, input, input.params.user_id);
      const { lane = 'stream', ...options } = input.body;
      const { generation } = await accept(http, input, {
        userId: input.params.user_id,
        conversation: input.params.number,
        request: { kind: 'regenerate', messageId: input.params.id.toLowerCase() },
        lane,
        direct: false,
        params: paramsOf(options),
        webhook_url: options.webhook_url,
        body: input.body,
      });
      return accepted(await generationResource(http.deps.ports, generation));
    },
  });
