import { stopGeneration } from '../../core/stop-generation.ts';
import { generationParams } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { EXAMPLE_GENERATION, EXAMPLE_ID, EXAMPLE_RECEIPT } from '../examples.ts';
import { findGeneration } from '../find-generation.ts';
import { generationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const postStop = defineRoute({
  id: 'postStop',
  method: 'POST',
  path: '/generations/{id}/stop',
  group: 'Generations',
  summary: 'Stop an answer',
  description:
    'For good, and in any state: one that waits is never begun, one that is being written keeps what there is, one that has ended is answered as it ended. Normally it has stopped when this is answered; if whoever writes it could not be reached, the state is still `running` for some seconds.',
  access: 'key',
  params: generationParams,
  responses: {
    200: {
      description: 'How it stands now.',
      schema: generationSchema,
      example: {
        ...EXAMPLE_GENERATION,
        state: 'cancelled',
        waiting: null,
        receipt: { ...EXAMPLE_RECEIPT, state: 'cancelled', finish_reason: 'cancelled' },
      },
    },
  },
  errors: ['generation_not_found'],
  unknownParam: { id: 'generation_not_found' },
  example: { params: { id: EXAMPLE_ID } },
  async handle(http, { caller, params }) {
    const { id } = await findGeneration(http, caller, params.id);
    const { ports, stop } = http.deps;
    return ok(await generationResource(ports, await stopGeneration(ports, stop, caller.workspace.id, id)));
  },
});
