import { responseSchema } from '../../protocol/openai-requests.ts';
import { acceptOpenAi, takeOpenAi } from '../openai/accept-openai.ts';
import { streamOpenAi, waitForWhole } from '../openai/deliver.ts';
import { wholeResponse } from '../openai/response.ts';
import { ResponseEvents } from '../openai/response-events.ts';
import { readResponse } from '../openai/response-request.ts';
import { EXAMPLE_RESPONSE, responseAnswer } from '../openai/shapes.ts';
import { defineRoute, OPENAI_ERRORS, ok } from '../route.ts';

export const postV1Responses = defineRoute({
  id: 'postV1Responses',
  method: 'POST',
  path: '/v1/responses',
  group: 'OpenAI',
  summary: 'Ask, in the form of responses',
  description:
    'As `/v1/chat/completions`. Only a response with `store: true` can be fetched again, or be gone on with by `previous_response_id`: it is then part of a conversation of `user`.',
  access: 'key',
  body: responseSchema,
  headers: ['Idempotency-Key'],
  responses: { 200: { description: 'The response.', schema: responseAnswer, example: EXAMPLE_RESPONSE } },
  errors: OPENAI_ERRORS,
  example: { body: { input: 'What is the capital of France?' } },
  async handle(http, input) {
    const { body, caller } = input;
    await takeOpenAi(http, input, body);
    const { asked, place } = await readResponse(http, caller, body);
    const generation = await acceptOpenAi(http, input, asked, body, place);
    if (!body.stream) return ok(wholeResponse(await waitForWhole(http, input, generation)));
    await streamOpenAi(http, input, generation, new ResponseEvents(generation));
    return 'taken';
  },
});
