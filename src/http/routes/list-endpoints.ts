import Type from 'typebox';
import { endpointSchema } from '../../protocol/model-admin.ts';
import { EXAMPLE_ENDPOINT } from '../examples.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { endpointResource } from '../represent-models.ts';
import { defineRoute, ok } from '../route.ts';

export const listEndpoints = defineRoute({
  id: 'listEndpoints',
  method: 'GET',
  path: '/endpoints',
  group: 'Models',
  summary: 'The servers that were added',
  description: 'In the order in which they were. Their keys are never told.',
  access: 'key',
  responses: {
    200: {
      description: 'Endpoints.',
      schema: Type.Object({ items: Type.Array(endpointSchema) }),
      example: { items: [EXAMPLE_ENDPOINT] },
    },
  },
  errors: OPERATOR_ERRORS,
  example: {},
  async handle(http, input) {
    const { endpoints } = await operatorOf(http, input);
    return ok({ items: (await endpoints.list()).map(endpointResource) });
  },
});
