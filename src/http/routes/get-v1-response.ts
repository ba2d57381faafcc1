import { openAiResponseParams } from '../../protocol/openai-requests.ts';
import { splitToolCalls } from '../../protocol/tool-calls.ts';
import { EXAMPLE_ID } from '../examples.ts';
import { wholeResponse } from '../openai/response.ts';
import { findResponse } from '../openai/response-request.ts';
import { EXAMPLE_RESPONSE, responseAnswer } from '../openai/shapes.ts';
import { defineRoute, ok } from '../route.ts';

export const getV1Response = defineRoute({
  id: 'getV1Response',
  method: 'GET',
  path: '/v1/responses/{id}',
  group: 'OpenAI',
  summary: 'A stored response',
  description: 'As it stands now: `in_progress` with no output while it is being made.',
  access: 'key',
  params: openAiResponseParams,
  responses: { 200: { description: 'The response.', schema: responseAnswer, example: EXAMPLE_RESPONSE } },
  errors: ['generation_not_found'],
  unknownParam: { id: 'generation_not_found' },
  example: { params: { id: `resp_${EXAMPLE_ID}` } },
  async handle(http, { caller, params }) {
    const generation = await findResponse(http, caller, params.id);
    const message = await http.deps.ports.conversations.message(generation.userId, generation.id);
    const answer = { generation, reasoning: message?.reasoning ?? '', ...splitToolCalls(message?.content ?? '') };
    const whole = wholeResponse(answer);
    return ok(message ? whole : { ...whole, output: [] });
  },
});
