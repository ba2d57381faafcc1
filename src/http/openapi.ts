import type { TObject, TSchema } from 'typebox';
import { ERRORS, type ErrorCode } from '../protocol/errors.ts';
import { openAiStatus } from '../protocol/openai-errors.ts';
import type { Json, OpenApi, Operation } from './openapi-document.ts';
import { errorsOf, type Route, type RouteResponse } from './route.ts';

const TAGS = {
  Chat: 'One message, one answer: whole, streamed, or fetched later. `user_id` is your own name for a person.',
  OpenAI:
    'As OpenAI has it, for its clients: the address is `/v1`, the key a bearer token. Errors have its form; the header `X-Error-Code` has the code of the catalogue.',
  Conversations: 'What a user and the models said, in branches.',
  Items: 'What a user arranged around the conversations.',
  Generations: 'One request to a model, from acceptance to its one answer.',
  Models: 'What can be asked.',
  Users: 'People under the name that their caller has for them.',
  Sessions: 'For the page: an API key exchanged for a cookie.',
  Usage: 'What answers used and cost.',
  Operation: 'Health, figures and this description.',
} as const;

const ABOUT = [
  'Send an API key in the header `X-API-Key`. Bodies are JSON.',
  'What was accepted is answered exactly once, whatever fails meanwhile. An `Idempotency-Key` makes a repeated request mean the same one: the same key and body give the same answer, another body 422.',
  'Every error is `{"error":{"code","message","request_id","details"}}`; `code` is for programs and never changes its meaning.',
].join('\n\n');

/** An OpenAPI 3.1 document of the routes. A schema with a title becomes a component of that name. */
export function buildOpenApi(routes: readonly Route[], version: string): OpenApi {
  const schemas: Record<string, Json> = { Error: ERROR_SCHEMA, OpenAiError: OPENAI_ERROR_SCHEMA };
  const paths: OpenApi['paths'] = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'ChatterBot', version, description: ABOUT },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The same key.' },
        session: { type: 'apiKey', in: 'cookie', name: 'chatterbot_session' },
      },
    },
  };
}

function operationOf(route: Route, schemas: Record<string, Json>): Operation {
  const parameters = [
    ...parametersOf(route.params, 'path', route.example.params, schemas),
    ...parametersOf(route.query, 'query', route.example.query, schemas),
    ...(route.headers ?? []).map((name) => HEADERS[name]),
  ];
  return {
    operationId: route.id,
    tags: [route.group],
    summary: route.summary,
    description: route.description,
    security: route.access === 'key' ? [{ apiKey: [] }, { bearer: [] }, { session: [] }] : [],
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: requestBodyOf(route, route.body, schemas) }),
    responses: { ...successesOf(route, schemas), ...failuresOf(route) },
  };
}

function parametersOf(
  schema: TObject | undefined,
  where: 'path' | 'query',
  examples: Record<string, string> | undefined,
  schemas: Record<string, Json>,
): Json[] {
  const required = new Set(schema?.required as string[] | undefined);
  return Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    const { description, ...rest } = property as TSchema & { description?: string };
    const example = examples?.[name];
    return {
      name,
      in: where,
      required: required.has(name),
      ...(description && { description }),
      schema: componentise(rest, schemas),
      ...(example !== undefined && { example }),
    };
  });
}

function requestBodyOf(route: Route, body: TSchema, schemas: Record<string, Json>): Json {
  const content = { schema: componentise(body, schemas), example: route.example.body };
  return { required: route.bodyPresence !== 'optional', content: { 'application/json': content } };
}

function successesOf(route: Route, schemas: Record<string, Json>): Record<string, Json> {
  const describe = ({
    description,
    schema,
    contentType = 'application/json',
    headers,
    example,
  }: RouteResponse): Json => ({
    description,
    ...(headers && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [name, { description: text, schema: { type: 'string' } }]),
      ),
    }),
    ...((schema || example !== undefined) && {
      content: {
        [contentType]: {
          schema: schema ? componentise(schema, schemas) : { type: 'string' },
          ...(example !== undefined && { example }),
        },
      },
    }),
  });
  return Object.fromEntries(Object.entries(route.responses).map(([status, response]) => [status, describe(response)]));
}

function failuresOf(route: Route): Record<string, Json> {
  const isOpenAi = route.group === 'OpenAI';
  const form = isOpenAi ? 'OpenAiError' : 'Error';
  const statusOf = (code: ErrorCode) => (isOpenAi ? openAiStatus(code) : ERRORS[code].status);
  const byStatus = Map.groupBy(errorsOf(route), statusOf);
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, ofStatus]) => [
        status,
        {
          description: ofStatus.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join('\n\n'),
          'x-error-codes': ofStatus,
          ...((status === 429 || status === 503) && { headers: { 'Retry-After': RETRY_AFTER } }),
          content: { 'application/json': { schema: { $ref: `#/components/schemas/${form}` } } },
        },
      ]),
  );
}

const RETRY_AFTER = { description: 'Seconds to wait.', schema: { type: 'integer' } };

const HEADERS = {
  'Idempotency-Key': {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description: 'A fresh one for each request; the same one only to repeat it. 1 to 255 visible ASCII characters.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  'Last-Event-ID': {
    name: 'Last-Event-ID',
    in: 'header',
    required: false,
    description: 'The `id:` of the last event received: the stream goes on behind it.',
    schema: { type: 'string', pattern: '^\\d+-\\d+(\\.\\d+)?(-end)?$' },
    example: '1-11',
  },
} as const;

const ERROR_SCHEMA: Json = {
  title: 'Error',
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        message: { type: 'string' },
        request_id: { type: 'string', description: 'Find it in the log.' },
        details: { type: 'object', description: 'What the code means here, field by field.' },
      },
    },
  },
};

const OPENAI_ERROR_SCHEMA: Json = {
  title: 'OpenAiError',
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'], description: 'The field that was refused.' },
        code: { type: 'string' },
      },
    },
  },
};

/** Replaces each schema that has a title by a reference, and keeps it under that name. */
export function componentise(schema: unknown, schemas: Record<string, Json>): unknown {
  if (Array.isArray(schema)) return schema.map((item) => componentise(item, schemas));
  if (schema === null || typeof schema !== 'object') return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, componentise(value, schemas)]),
  ) as Json;
  const { title } = inner;
  if (typeof title !== 'string') return inner;
  schemas[title] ??= inner;
  return { $ref: `#/components/schemas/${title}` };
}
