import Type from 'typebox';
import { modelsFor } from '../../core/choose-model.ts';
import type { ModelInfo } from '../../ports/inference.ts';
import { ChatError } from '../../protocol/errors.ts';
import { openAiModelParams } from '../../protocol/openai-requests.ts';
import { openAiModelSchema } from '../openai/shapes.ts';
import { defineRoute, ok } from '../route.ts';

/** Nobody says when a model was made. */
const CREATED = 0;
const toModel = ({ id }: Pick<ModelInfo, 'id'>) => ({
  id,
  object: 'model' as const,
  created: CREATED,
  owned_by: 'chatterbot',
});
const EXAMPLE = toModel({ id: 'qwen2.5-0.5b' });

export const listV1Models = defineRoute({
  id: 'listV1Models',
  method: 'GET',
  path: '/v1/models',
  group: 'OpenAI',
  summary: 'The models that can be asked for',
  description: 'The default first.',
  access: 'key',
  responses: {
    200: {
      description: 'Models.',
      schema: Type.Object({ object: Type.Literal('list'), data: Type.Array(openAiModelSchema) }),
      example: { object: 'list', data: [EXAMPLE] },
    },
  },
  errors: [],
  example: {},
  async handle(http, { caller }) {
    return ok({ object: 'list', data: modelsFor(caller.workspace, http.deps.ports.inference).map(toModel) });
  },
});

export const getV1Model = defineRoute({
  id: 'getV1Model',
  method: 'GET',
  path: '/v1/models/{model}',
  group: 'OpenAI',
  summary: 'One of them',
  description: 'A slash in the id is written `%2F`.',
  access: 'key',
  params: openAiModelParams,
  responses: { 200: { description: 'The model.', schema: openAiModelSchema, example: EXAMPLE } },
  errors: ['model_unknown'],
  example: { params: { model: EXAMPLE.id } },
  async handle(http, { caller, params }) {
    const model = modelsFor(caller.workspace, http.deps.ports.inference).find(({ id }) => id === params.model);
    if (!model) throw new ChatError('model_unknown');
    return ok(toModel(model));
  },
});
