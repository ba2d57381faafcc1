import { localModelsSchema } from '../../protocol/model-admin.ts';
import { EXAMPLE_LOCAL_MODELS } from '../examples.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { localModelsResource } from '../represent-models.ts';
import { defineRoute, ok } from '../route.ts';

export const listLocalModels = defineRoute({
  id: 'listLocalModels',
  method: 'GET',
  path: '/local-models',
  group: 'Models',
  summary: 'The models that can be run on this machine',
  description: 'What is known, what of it is here, and how far downloads are: read it again to follow one.',
  access: 'key',
  responses: {
    200: { description: 'Models.', schema: localModelsSchema, example: EXAMPLE_LOCAL_MODELS },
  },
  errors: OPERATOR_ERRORS,
  example: {},
  async handle(http, input) {
    const { localModels } = await operatorOf(http, input);
    return ok(localModelsResource(await localModels.list()));
  },
});
