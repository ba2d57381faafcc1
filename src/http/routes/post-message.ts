import { conversationParams, type RequestLimits, sendMessageSchema } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { accept, cleanText, paramsOf } from '../accept.ts';
import { EXAMPLE_GENERATION } from '../examples.ts';
import { takeRequest } from '../rate-limit.ts';
import { generationResource } from '../represent.ts';
import { ACCEPT_ERRORS, accepted, defineRoute } from '../route.ts';

export const postMessage = (limits: RequestLimits) =>
  defineRoute({
    id: 'postMessage',
    method: 'POST',
    path: '/users/{user_id}/conversations/{number}/messages',
    group: 'Conversations',
    summary: 'Say something in a conversation',
    description:
      'Goes on from the newest message, or from `parent_id`: an edited message is sent as a branch beside the one it replaces. Questions of a conversation are answered one after the other.',
    access: 'key',
    params: conversationParams,
    body: sendMessageSchema(limits),
    headers: ['Idempotency-Key'],
    responses: { 202: { description: 'Accepted.', schema: generationSchema, example: EXAMPLE_GENERATION } },
    errors: ACCEPT_ERRORS,
    unknownParam: { number: 'conversation_not_found' },
    example: { params: { user_id: 'ada', number: '42' }, body: { message: 'And of Italy?' } },
    async handle(http, input) {
      await takeRequest(http, input, input.params.user_id);
      const { message, parent_id, lane = 'stream', ...options } = input.body;
      const { generation } = await accept(http, input, {
        userId: input.params.user_id,
        conversation: input.params.number,
        request: {
          kind: 'message',
          content: cleanText(message),
          ...(parent_id !== undefined && { parentId: parent_id?.toLowerCase() ?? null }),
        },
        lane,
        direct: false,
        params: paramsOf(options),
        webhook_url: options.webhook_url,
        body: input.body,
      });
      return accepted(await generationResource(http.deps.ports, generation));
    },
  });
