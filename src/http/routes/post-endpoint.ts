import { endpointSchema, postEndpointSchema } from '../../protocol/model-admin.ts';
import { EXAMPLE_ENDPOINT } from '../examples.ts';
import { operatorOf } from '../operator.ts';
import { endpointResource } from '../represent-models.ts';
import { defineRoute } from '../route.ts';
import { TRY_ERRORS } from './post-endpoint-try.ts';

export const postEndpoint = defineRoute({
  id: 'postEndpoint',
  method: 'POST',
  path: '/endpoints',
  group: 'Models',
  summary: 'Add a server',
  description:
    'It is tried first, and kept only where it answers. Its models are in `GET /models` from then on, without a restart and after one.',
  access: 'key',
  body: postEndpointSchema,
  responses: { 201: { description: 'It is kept.', schema: endpointSchema, example: EXAMPLE_ENDPOINT } },
  errors: [...TRY_ERRORS, 'endpoint_model_unknown', 'endpoint_exists', 'too_many_items'],
  example: { body: { address: 'http://127.0.0.1:11434', models: ['llama3.2:3b'] } },
  async handle(http, input) {
    const { endpoints } = await operatorOf(http, input);
    const { address, key = null, models } = input.body;
    const added = await endpoints.add({ address, key }, models, http.closing);
    return { status: 201, body: endpointResource({ ...added, isUp: true, detail: null }) };
  },
});
