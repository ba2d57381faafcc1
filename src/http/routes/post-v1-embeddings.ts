import { embedTexts } from '../../core/embed-texts.ts';
import type { EmbeddingResult } from '../../ports/inference.ts';
import { embeddingsSchema } from '../../protocol/openai-requests.ts';
import { allowUser } from '../auth.ts';
import { tellBudget, tellRefusedBudget } from '../budget-headers.ts';
import { takeOpenAi, userOf } from '../openai/accept-openai.ts';
import { clean } from '../openai/chat-request.ts';
import { embeddingsAnswer } from '../openai/shapes.ts';
import { defineRoute, ok } from '../route.ts';

export const postV1Embeddings = defineRoute({
  id: 'postV1Embeddings',
  method: 'POST',
  path: '/v1/embeddings',
  group: 'OpenAI',
  summary: 'Vectors for texts',
  description:
    'Where an inference server that makes them is asked; not a generation, and kept nowhere; their tokens count as those of answers do.',
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
  errors: [
    'embeddings_unsupported',
    'model_unknown',
    'request_refused',
    'inference_unavailable',
    'rate_limited',
    'budget_exceeded',
  ],
  example: { body: { input: 'A lighthouse in the fog.' } },
  async handle(http, input) {
    const { body } = input;
    await takeOpenAi(http, input, body);
    const leaving = new AbortController();
    input.reply.raw.once('close', () => leaving.abort(new Error('the client has gone')));
    const { made, budget } = await embedTexts(
      http.deps.ports,
      http.deps.accept,
      {
        workspace: input.caller.workspace,
        externalUserId: allowUser(input.caller, userOf(input.caller, body)),
        key: input.caller.key,
        ...(body.model != null && { model: clean(body.model) }),
        inputs: (typeof body.input === 'string' ? [body.input] : body.input).map(clean),
        ...(body.dimensions != null && { dimensions: body.dimensions }),
      },
      leaving.signal,
    ).catch((error: unknown) => {
      tellRefusedBudget(input.reply, error);
      throw error;
    });
    if (budget) tellBudget(input.reply, budget);
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
