import Type from 'typebox';
import type { Generation } from '../../ports/generations.ts';
import { ChatError, ERRORS, type ErrorCode } from '../../protocol/errors.ts';
import { chatRequestSchema, type RequestLimits } from '../../protocol/requests.ts';
import { acceptChat } from '../accept.ts';
import { chatAnswer, chatAnswerSchema, processing, processingSchema, stoppedSchema } from '../answer-shapes.ts';
import { allowUser } from '../auth.ts';
import { EXAMPLE_ANSWER, EXAMPLE_ID } from '../examples.ts';
import type { Http } from '../http.ts';
import { takeFromLimit } from '../rate-limit.ts';
import { ACCEPT_ERRORS, type Answer, accepted, defineRoute, ok } from '../route.ts';
import { startHere } from '../start-here.ts';
import { waitHere } from '../wait-here.ts';

const MINUTE_MS = 60_000;

export const postChat = (limits: RequestLimits) =>
  defineRoute({
    id: 'postChat',
    method: 'POST',
    path: '/chat',
    group: 'Chat',
    summary: 'Ask, and wait for the whole answer',
    description:
      'Waits at most `SYNC_TIMEOUT`. After it the call is answered with 202 and the place to look for the answer, which is still made. Hanging up does not stop it either.',
    access: 'key',
    body: chatRequestSchema(limits),
    headers: ['Idempotency-Key'],
    responses: {
      200: {
        description: 'The answer; with a `status` where somebody stopped it.',
        schema: Type.Union([chatAnswerSchema, stoppedSchema]),
        example: EXAMPLE_ANSWER,
      },
      202: {
        description: 'Not ready in time: fetch it from the endpoint named here.',
        schema: processingSchema,
        example: processing(EXAMPLE_ID),
      },
    },
    errors: [
      ...ACCEPT_ERRORS,
      'generation_not_found',
      'generation_failed',
      'context_too_long',
      'model_unavailable',
      'answer_interrupted',
    ],
    example: { body: { user_id: 'ada', message: 'What is the capital of France?' } },
    async handle(http, input) {
      const userId = allowUser(input.caller, input.body.user_id);
      await takeFromLimit(http.deps.ports.limits, input.reply, {
        scope: 'chat',
        key: `${input.caller.workspace.id}:${input.caller.credential}:${userId}`,
        limit: http.options.chatPerMinute,
        windowMs: MINUTE_MS,
      });
      const { generation, replayed } = await acceptChat(http, input, { lane: 'chat', direct: true });
      if (!replayed) await startHere(http, generation);
      const answered = await waitHere(http, input.reply.raw, generation, http.options.syncTimeoutMs);
      return typeof answered === 'string' ? accepted(processing(generation.id)) : whole(http, answered);
    },
  });

async function whole(http: Http, generation: Generation): Promise<Answer> {
  const answer = await chatAnswer(http, generation);
  if (!('error' in answer)) return ok(answer);
  const { error, response, conversation_id } = answer;
  const code = error.code in ERRORS ? (error.code as ErrorCode) : 'generation_failed';
  throw new ChatError(code, { details: { correlation_id: generation.id, conversation_id, response } });
}
