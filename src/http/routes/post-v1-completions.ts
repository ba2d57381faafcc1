import { completionSchema } from '../../protocol/openai-requests.ts';
import { acceptOpenAi, takeOpenAi } from '../openai/accept-openai.ts';
import { readCompletion } from '../openai/chat-request.ts';
import { CompletionChunks, completion } from '../openai/completion.ts';
import { streamOpenAi, waitForWhole } from '../openai/deliver.ts';
import { completionAnswer, EXAMPLE_TEXT_COMPLETION } from '../openai/shapes.ts';
import { defineRoute, OPENAI_ERRORS, ok } from '../route.ts';

export const postV1Completions = defineRoute({
  id: 'postV1Completions',
  method: 'POST',
  path: '/v1/completions',
  group: 'OpenAI',
  summary: 'Have a text gone on with',
  description: 'The older form, without messages. One text in, one out.',
  access: 'key',
  body: completionSchema,
  headers: ['Idempotency-Key'],
  responses: { 200: { description: 'What follows.', schema: completionAnswer, example: EXAMPLE_TEXT_COMPLETION } },
  errors: OPENAI_ERRORS,
  example: { body: { prompt: 'The capital of France is' } },
  async handle(http, input) {
    const { body } = input;
    await takeOpenAi(http, input, body);
    const generation = await acceptOpenAi(http, input, readCompletion(body), body);
    if (!body.stream) return ok(completion(await waitForWhole(http, input, generation)));
    const chunks = new CompletionChunks(generation, body.stream_options?.include_usage === true);
    await streamOpenAi(http, input, generation, chunks);
    return 'taken';
  },
});
