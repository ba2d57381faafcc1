import Type from 'typebox';
import { defineRoute, ok } from '../route.ts';

export const getAsyncApi = defineRoute({
  id: 'getAsyncApi',
  method: 'GET',
  path: '/asyncapi.json',
  group: 'Operation',
  summary: 'What is spoken over `/ws`, as an AsyncAPI 3.0 document',
  description: 'Made from the schemas that commands are checked with.',
  access: 'open',
  responses: {
    200: {
      description: 'The document.',
      schema: Type.Object({ asyncapi: Type.Literal('3.0.0') }),
      example: { asyncapi: '3.0.0' },
    },
  },
  errors: [],
  example: {},
  async handle(http) {
    return ok(http.asyncApi);
  },
});
