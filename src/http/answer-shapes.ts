import Type from 'typebox';
import { describeWaiting } from '../core/describe-waiting.ts';
import type { Generation } from '../ports/generations.ts';
import { checkEndpoint, streamEndpoint } from '../protocol/addresses.ts';
import { isTerminal } from '../protocol/generation.ts';
import { failureSchema } from '../protocol/resources.ts';
import type { Http } from './http.ts';

/** The answers of the routes with `user_id` in the body. */
export const chatAnswerSchema = Type.Object(
  {
    response: Type.String(),
    conversation_id: Type.Integer({ minimum: 1 }),
    processing_time: Type.Number({ minimum: 0, description: 'Seconds from acceptance to the stored answer.' }),
  },
  { title: 'ChatAnswer', description: 'The whole answer.' },
);

export const processingSchema = Type.Object(
  {
    status: Type.Literal('processing'),
    message: Type.String(),
    correlation_id: Type.String({ format: 'uuid' }),
    check_endpoint: Type.String(),
  },
  { title: 'Processing', description: 'Accepted: the answer will be at the endpoint named here.' },
);

export const streamingSchema = Type.Object(
  {
    status: Type.Literal('streaming'),
    message: Type.String(),
    correlation_id: Type.String({ format: 'uuid' }),
    stream_endpoint: Type.String(),
  },
  { title: 'Streaming', description: 'Accepted: the answer streams from the endpoint named here.' },
);

export const pendingSchema = Type.Object(
  {
    status: Type.Literal('pending'),
    message: Type.String(),
    state: Type.Enum(['queued', 'running']),
    position: Type.Union([Type.Integer({ minimum: 0, description: 'Others ahead.' }), Type.Null()]),
    estimate_seconds: Type.Union([Type.Number({ minimum: 0 }), Type.Null()]),
  },
  { title: 'Pending', description: 'The answer is on its way.' },
);

const brokenOff = {
  response: Type.String({ description: 'What there is of it.' }),
  conversation_id: Type.Integer({ minimum: 1 }),
  processing_time: Type.Number({ minimum: 0 }),
};

export const stoppedSchema = Type.Object(
  { status: Type.Literal('stopped'), ...brokenOff },
  { title: 'Stopped', description: 'Somebody stopped the answer.' },
);

export const failedSchema = Type.Object(
  { status: Type.Enum(['failed', 'interrupted']), error: failureSchema, ...brokenOff },
  { title: 'Failed', description: 'There will be no whole answer.' },
);

export function processing(id: string) {
  return {
    status: 'processing',
    message: 'Your request is being processed',
    correlation_id: id,
    check_endpoint: checkEndpoint(id),
  };
}

export function streaming(id: string) {
  return {
    status: 'streaming',
    message: 'Connect to the streaming endpoint to receive tokens',
    correlation_id: id,
    stream_endpoint: streamEndpoint(id),
  };
}

/** How a generation stands, in every state; the same on every reading once it is terminal. */
export async function chatAnswer(http: Http, generation: Generation) {
  const { state, receipt, conversationNumber, error } = generation;
  if (!isTerminal(state)) {
    const waiting = await describeWaiting(http.deps.ports, generation);
    return {
      status: 'pending',
      message: 'Response not ready yet',
      state,
      position: waiting?.position ?? null,
      estimate_seconds: waiting?.estimateSeconds ?? null,
    };
  }
  const message = await http.deps.ports.conversations.message(generation.userId, generation.id);
  const answer = {
    response: message?.content ?? '',
    conversation_id: conversationNumber,
    processing_time: (receipt?.total_ms ?? 0) / 1000,
  };
  if (state === 'done') return answer;
  if (state === 'cancelled') return { status: 'stopped', ...answer };
  return { status: state, error: failure(state, error), ...answer };
}

function failure(state: 'failed' | 'interrupted', error: Generation['error']): { code: string; message: string } {
  const code = state === 'failed' ? 'generation_failed' : 'answer_interrupted';
  return error ?? { code, message: 'The answer broke off.' };
}
