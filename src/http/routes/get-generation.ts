import { generationParams } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { EXAMPLE_GENERATION, EXAMPLE_ID } from '../examples.ts';
import { findGeneration } from '../find-generation.ts';
import { generationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const getGeneration = defineRoute({
  id: 'getGeneration',
  method: 'GET',
  path: '/generations/{id}',
  group: 'Generations',
  summary: 'How an answer stands',
  description: 'Its state, its place in the line while it waits, and its receipt once it has ended.',
  access: 'key',
  params: generationParams,
  responses: { 200: { description: 'The generation.', schema: generationSchema, example: EXAMPLE_GENERATION } },
  errors: ['generation_not_found'],
  unknownParam: { id: 'generation_not_found' },
  example: { params: { id: EXAMPLE_ID } },
  async handle(http, { caller, params }) {
    return ok(await generationResource(http.deps.ports, await findGeneration(http, caller, params.id)));
  },
});
