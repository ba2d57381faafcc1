import { ChatError } from '../../protocol/errors.ts';
import { endpointParams } from '../../protocol/model-admin.ts';
import { EXAMPLE_ID } from '../examples.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { defineRoute, noContent } from '../route.ts';

export const deleteEndpoint = defineRoute({
  id: 'deleteEndpoint',
  method: 'DELETE',
  path: '/endpoints/{id}',
  group: 'Models',
  summary: 'Take a server away',
  description: 'With its key. Answers under way end where they are; its models can be asked no more.',
  access: 'key',
  params: endpointParams,
  responses: { 204: { description: 'It is gone.' } },
  errors: [...OPERATOR_ERRORS, 'endpoint_not_found'],
  unknownParam: { id: 'endpoint_not_found' },
  example: { params: { id: EXAMPLE_ID } },
  async handle(http, input) {
    const { endpoints } = await operatorOf(http, input);
    if (!(await endpoints.remove(input.params.id.toLowerCase()))) throw new ChatError('endpoint_not_found');
    return noContent;
  },
});
