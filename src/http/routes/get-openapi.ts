import Type from 'typebox';
import { defineRoute, ok } from '../route.ts';

export const getOpenApi = defineRoute({
  id: 'getOpenApi',
  method: 'GET',
  path: '/openapi.json',
  group: 'Operation',
  summary: 'This API as an OpenAPI 3.1 document',
  description: 'Made from the schemas that requests are checked with.',
  access: 'open',
  responses: { 200: { description: 'The document.', schema: Type.Object({ openapi: Type.Literal('3.1.0') }) } },
  errors: [],
  example: {},
  async handle(http) {
    return ok(http.openApi);
  },
});
