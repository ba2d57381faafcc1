import { type EmbeddingResult, InferenceError } from '../../ports/inference.ts';
import { ChatError } from '../../protocol/errors.ts';
import { embeddingsSchema } from '../../protocol/openai-requests.ts';
import { portFailed } from '../../telemetry/events.ts';
import { takeOpenAi } from '../openai/accept-openai.ts';
import { clean } from '../openai/chat-request.ts';
import { embeddingsAnswer } from '../openai/shapes.ts';
import { defineRoute, ok } from '../route.ts';

export const postV1Embeddings = defineRoute({
  id: 'postV1Embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  group: 'OpenAI',
  summary: 'Vectors for texts',
  description: 'Where an inference server that makes them is asked; not a generation, and kept nowhere.',
  access: 'key',
  body: embeddingsSchema,
  responses: {
    200: {
      description: 'Vectors.',
      schema: embeddingsAnswer,
      example: {
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: [0.013, -0.207, 0.095] }],
        model: 'bge-small',
        usage: { prompt_tokens: 5, total_tokens: 5 },
      },
    },
  },
  errors: ['embeddings_unsupported', 'model_unknown', 'request_refused', 'inference_unavailable', 'rate_limited'],
  example: { body: { input: 'A lighthouse in the fog.' } },
  async handle(http, input) {
    const { body } = input;
    await takeOpenAi(http, input, body);
    const { inference } = http.deps.ports;
    const model = body.model == null ? inference.models()[0]?.id : clean(body.model);
    if (!inference.embed) throw new ChatError('embeddings_unsupported');
    if (model === undefined) throw new ChatError('inference_unavailable');
    const inputs = (typeof body.input === 'string' ? [body.input] : body.input).map(clean);
    const leaving = new AbortController();
    input.reply.raw.once('close', () => leaving.abort(new Error('the client has gone')));
    const made = await inference
      .embed({ model, inputs, ...(body.dimensions != null && { dimensions: body.dimensions }) }, leaving.signal)
      .catch((error: unknown) => {
        throw toAnswer(error, leaving.signal);
      });
    return ok(embeddings(made, body.encoding_format === 'base64'));
  },
});

function embeddings({ vectors, promptTokens, model }: EmbeddingResult, asBase64: boolean) {
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: asBase64 ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector,
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}

function toAnswer(error: unknown, signal: AbortSignal): unknown {
  if (!(error instanceof InferenceError) || signal.aborted) return error;
  portFailed({ port: 'inference', operation: 'embed', error });
  if (error.kind === 'model_not_found') return new ChatError('model_unknown', { cause: error });
  // A server without that route says so with a 404 or 405; its other refusals are about the request.
  if (error.cause instanceof Error && /^40[45]\b/.test(error.cause.message))
    return new ChatError('embeddings_unsupported', { cause: error });
  if (!error.retryable) return new ChatError('request_refused', { cause: error });
  return new ChatError('inference_unavailable', { cause: error });
}
