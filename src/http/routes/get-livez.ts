import Type from 'typebox';
import { defineRoute, ok } from '../route.ts';

export const getLivez = defineRoute({
  id: 'getLivez',
  method: 'GET',
  path: '/livez',
  group: 'Operation',
  summary: 'Whether the process answers',
  description: 'Restart it where this fails.',
  access: 'open',
  responses: {
    200: {
      description: 'It does.',
      schema: Type.Object({ status: Type.Literal('alive') }),
      example: { status: 'alive' },
    },
  },
  errors: [],
  example: {},
  async handle() {
    return ok({ status: 'alive' });
  },
});
