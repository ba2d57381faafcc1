import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TObject, TSchema } from 'typebox';
import type { ErrorCode } from '../protocol/errors.ts';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';

/**
 * One endpoint: what it takes, what it answers, and how. Validation, the OpenAPI document, the
 * reference page and the generated tests are all made from this.
 */
export type Route = RouteFacts & {
  handle(http: Http, input: RouteInput<unknown, unknown, unknown>): Promise<Answer>;
};

export type RouteFacts = {
  /** The operation's name in the OpenAPI document: the name of its file, in camel case. */
  id: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `{parameters}`. */
  path: string;
  group:
    | 'Chat'
    | 'OpenAI'
    | 'Conversations'
    | 'Items'
    | 'Generations'
    | 'Models'
    | 'Sessions'
    | 'Users'
    | 'Usage'
    | 'Operation';
  summary: string;
  description: string;
  /** `key`: an API key, a session, or the local user. `open`: anybody. */
  access: 'key' | 'open';
  params?: TObject;
  query?: TObject;
  body?: TSchema;
  /** `optional`: an empty body stands for `{}`. */
  bodyPresence?: 'required' | 'optional';
  /** `import`: `MAX_IMPORT_BYTES` instead of `MAX_BODY_BYTES`. */
  bodyBound?: 'import';
  headers?: readonly ('Idempotency-Key' | 'Last-Event-ID')[];
  responses: Readonly<Record<number, RouteResponse>>;
  /** Its own; those that every such route has are added. */
  errors: readonly ErrorCode[];
  /** What an id in the path that is not one means; absent: `invalid_request`. */
  unknownParam?: Readonly<Record<string, ErrorCode>>;
  /** Values for the example call. */
  example: { params?: Record<string, string>; query?: Record<string, string>; body?: unknown };
};

export type RouteResponse = {
  description: string;
  schema?: TSchema;
  /** `application/json` unless told otherwise. */
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
  example?: unknown;
};

export type RouteInput<P, Q, B> = {
  params: P;
  query: Q;
  body: B;
  /** Throws where the route is open and nobody in particular calls. */
  caller: Caller;
  request: FastifyRequest;
  reply: FastifyReply;
};

/** `taken`: the handler writes to the connection itself. */
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | 'taken';

type StaticOf<T> = T extends TSchema ? Static<T> : undefined;

export function defineRoute<
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(
  route: Omit<RouteFacts, 'params' | 'query' | 'body'> & {
    params?: P;
    query?: Q;
    body?: B;
    handle(http: Http, input: RouteInput<StaticOf<P>, StaticOf<Q>, StaticOf<B>>): Promise<Answer>;
  },
): Route {
  return route as unknown as Route;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const accepted = (body: unknown): Answer => ({ status: 202, body });
export const noContent: Answer = { status: 204 };

/** Of every route that takes a message in. */
export const ACCEPT_ERRORS = [
  'model_unknown',
  'conversation_not_found',
  'message_not_found',
  'not_acceptable_state',
  'idempotency_conflict',
  'webhooks_off',
  'webhook_refused',
  'rate_limited',
  'budget_exceeded',
  'state_unavailable',
  'too_many_waiting',
  'queue_full',
] as const satisfies readonly ErrorCode[];

/** Of every OpenAI route that makes a generation. */
export const OPENAI_ERRORS = [
  ...ACCEPT_ERRORS,
  'forbidden_user',
  'too_many_streams',
  'generation_not_found',
  'generation_failed',
  'context_too_long',
  'model_unavailable',
  'request_refused',
  'answer_late',
  'answer_restarted',
  'answer_stopped',
  'answer_interrupted',
] as const satisfies readonly ErrorCode[];

const WITH_KEY: readonly ErrorCode[] = ['unauthorized', 'forbidden_origin', 'database_unavailable'];
const WITH_BODY: readonly ErrorCode[] = [
  'invalid_json',
  'invalid_request',
  'payload_too_large',
  'unsupported_media_type',
];
const ANY: readonly ErrorCode[] = ['header_too_large', 'request_timeout', 'internal', 'shutting_down'];

/** Every code that a call of this route may be answered with. */
export function errorsOf(route: RouteFacts): readonly ErrorCode[] {
  const checked = route.params || route.query || route.headers || route.body;
  return [
    ...new Set([
      ...(route.access === 'key' ? WITH_KEY : []),
      ...(route.body ? WITH_BODY : (['payload_too_large', 'unsupported_media_type', 'invalid_json'] as const)),
      ...(checked ? (['invalid_request'] as const) : []),
      ...(route.params && 'user_id' in route.params.properties ? (['forbidden_user'] as const) : []),
      ...Object.values(route.unknownParam ?? {}),
      ...route.errors,
      ...ANY,
    ]),
  ];
}
