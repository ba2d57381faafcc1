import Type from 'typebox';
import { ChatError } from '../../protocol/errors.ts';
import { defineRoute, ok } from '../route.ts';

export const getReadyz = defineRoute({
  id: 'getReadyz',
  method: 'GET',
  path: '/readyz',
  group: 'Operation',
  summary: 'Whether requests should be sent here',
  description: '503 while it starts, while it leaves, and while nothing could be accepted.',
  access: 'open',
  responses: {
    200: { description: 'Yes.', schema: Type.Object({ status: Type.Literal('ready') }), example: { status: 'ready' } },
  },
  errors: ['database_unavailable', 'queue_unavailable', 'inference_unavailable'],
  example: {},
  async handle(http) {
    const readiness = await http.deps.readiness();
    if (readiness !== 'ready') throw new ChatError(readiness);
    return ok({ status: 'ready' });
  },
});
