import Type from 'typebox';
import { modelsFor } from '../../core/choose-model.ts';
import { modelSchema } from '../../protocol/resources.ts';
import { EXAMPLE_MODEL } from '../examples.ts';
import { modelResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const listModels = defineRoute({
  id: 'listModels',
  method: 'GET',
  path: '/models',
  group: 'Models',
  summary: 'The models that can be asked',
  description: 'The default first. Empty while none is loaded; what is accepted then waits for one.',
  access: 'key',
  responses: {
    200: {
      description: 'Models.',
      schema: Type.Object({ items: Type.Array(modelSchema) }),
      example: { items: [EXAMPLE_MODEL] },
    },
  },
  errors: [],
  example: {},
  async handle(http, { caller }) {
    return ok({ items: modelsFor(caller.workspace, http.deps.ports.inference).map(modelResource) });
  },
});
