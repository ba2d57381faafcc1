import { ChatError } from '../../protocol/errors.ts';
import { generationParams } from '../../protocol/requests.ts';
import { generationSchema } from '../../protocol/resources.ts';
import { EXAMPLE_GENERATION, EXAMPLE_ID } from '../examples.ts';
import { findGeneration } from '../find-generation.ts';
import { generationResource } from '../represent.ts';
import { accepted, defineRoute } from '../route.ts';

export const postReplay = defineRoute({
  id: 'postReplay',
  method: 'POST',
  path: '/dead-letters/{id}/replay',
  group: 'Generations',
  summary: 'Ask again for an answer that failed for good',
  description: 'With no attempts counted and under the same id: whoever follows it sees the new answer.',
  access: 'key',
  params: generationParams,
  responses: {
    202: { description: 'It is queued again.', schema: generationSchema, example: EXAMPLE_GENERATION },
  },
  errors: ['generation_not_found', 'not_acceptable_state'],
  unknownParam: { id: 'generation_not_found' },
  example: { params: { id: EXAMPLE_ID } },
  async handle(http, { caller, params }) {
    const { id, state } = await findGeneration(http, caller, params.id);
    const { ports } = http.deps;
    if (!(await ports.deadLetters.replay(id))) throw new ChatError('not_acceptable_state', { details: { state } });
    return accepted(await generationResource(ports, await findGeneration(http, caller, id)));
  },
});
