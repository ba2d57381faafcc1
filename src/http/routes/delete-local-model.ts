import { localModelParams } from '../../protocol/model-admin.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { defineRoute, noContent } from '../route.ts';

export const deleteLocalModel = defineRoute({
  id: 'deleteLocalModel',
  method: 'DELETE',
  path: '/local-models/{name}',
  group: 'Models',
  summary: 'Take a model off this machine',
  description: 'Its file, and what was received of it. The one that the server was started with stays.',
  access: 'key',
  params: localModelParams,
  responses: { 204: { description: 'It is gone.' } },
  errors: [...OPERATOR_ERRORS, 'local_model_not_found', 'local_model_in_use'],
  example: { params: { name: 'qwen2.5-1.5b' } },
  async handle(http, input) {
    const { localModels } = await operatorOf(http, input);
    await localModels.remove(input.params.name);
    return noContent;
  },
});
