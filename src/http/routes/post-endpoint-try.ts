import { triedEndpointSchema, tryEndpointSchema } from '../../protocol/model-admin.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { defineRoute, ok } from '../route.ts';

/** Of both routes that ask another server. */
export const TRY_ERRORS = [
  ...OPERATOR_ERRORS,
  'endpoint_address_refused',
  'endpoint_unreachable',
  'endpoint_key_refused',
  'endpoint_not_openai',
  'endpoint_without_models',
] as const;

export const postEndpointTry = defineRoute({
  id: 'postEndpointTry',
  method: 'POST',
  path: '/endpoints/try',
  group: 'Models',
  summary: 'Ask a server which models it has',
  description:
    'Any server that speaks the OpenAI API: vLLM, Ollama, llama-server, LM Studio, a provider. It is asked once, for at most five seconds; nothing is kept, and no redirect followed.',
  access: 'key',
  body: tryEndpointSchema,
  responses: {
    200: {
      description: 'It answers.',
      schema: triedEndpointSchema,
      example: { address: 'http://127.0.0.1:11434', models: ['llama3.2:3b'], ms: 12 },
    },
  },
  errors: TRY_ERRORS,
  example: { body: { address: 'http://127.0.0.1:11434' } },
  async handle(http, input) {
    const { endpoints } = await operatorOf(http, input);
    const { address, key = null } = input.body;
    return ok(await endpoints.try({ address, key }, http.closing));
  },
});
