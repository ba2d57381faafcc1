import { localModelParams } from '../../protocol/model-admin.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { defineRoute, noContent } from '../route.ts';

export const deleteLocalModelDownload = defineRoute({
  id: 'deleteLocalModelDownload',
  method: 'DELETE',
  path: '/local-models/{name}/download',
  group: 'Models',
  summary: 'Stop fetching a model',
  description: 'What was received is kept, and the next download goes on from there.',
  access: 'key',
  params: localModelParams,
  responses: { 204: { description: 'Nothing more is fetched.' } },
  errors: [...OPERATOR_ERRORS, 'local_model_not_found'],
  example: { params: { name: 'qwen2.5-1.5b' } },
  async handle(http, input) {
    const { localModels } = await operatorOf(http, input);
    await localModels.cancel(input.params.name);
    return noContent;
  },
});
