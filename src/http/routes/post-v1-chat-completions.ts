import { chatCompletionSchema } from '../../protocol/openai-requests.ts';
import { acceptOpenAi, takeOpenAi } from '../openai/accept-openai.ts';
import { ChatChunks, chatCompletion } from '../openai/chat-completion.ts';
import { readChat } from '../openai/chat-request.ts';
import { streamOpenAi, waitForWhole } from '../openai/deliver.ts';
import { chatCompletionAnswer, EXAMPLE_COMPLETION } from '../openai/shapes.ts';
import { defineRoute, OPENAI_ERRORS, ok } from '../route.ts';

export const postV1ChatCompletions = defineRoute({
  id: 'postV1ChatCompletions',
  method: 'POST',
  path: '/v1/chat/completions',
  group: 'OpenAI',
  summary: 'Ask, with all messages in the request',
  description:
    'The model reads exactly these messages. Without `store` they are kept until the answer is made, hanging up ends it, and the whole is forgotten minutes later; with `store: true` the last question and the answer become part of a conversation of `user`, and the answer is made whoever hangs up.',
  access: 'key',
  body: chatCompletionSchema,
  headers: ['Idempotency-Key'],
  responses: { 200: { description: 'The answer.', schema: chatCompletionAnswer, example: EXAMPLE_COMPLETION } },
  errors: OPENAI_ERRORS,
  example: { body: { messages: [{ role: 'user', content: 'What is the capital of France?' }] } },
  async handle(http, input) {
    const { body } = input;
    await takeOpenAi(http, input, body);
    const generation = await acceptOpenAi(http, input, readChat(body), body);
    if (!body.stream) return ok(chatCompletion(await waitForWhole(http, input, generation)));
    const chunks = new ChatChunks(generation, body.stream_options?.include_usage === true);
    await streamOpenAi(http, input, generation, chunks);
    return 'taken';
  },
});
