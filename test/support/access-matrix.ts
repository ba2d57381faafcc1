import type { Route } from '../../src/http/route.ts';
import { call, type Reply } from './http-client.ts';

export type Principal = { name: 'owner' | 'other workspace' | 'unknown key' | 'nobody'; key?: string };

/** What belongs to the owner, for the ids in paths; and a model that there is. */
export type Owned = { user_id: string; number: number; messageId: string; generationId: string; model: string };

type Expected = { owner: number; stranger: number; nobody: number };
type Row = {
  params?: (owned: Owned) => Record<string, string>;
  body?: (owned: Owned) => unknown;
  query?: string;
  expect: Expected;
  /** Where the owner operates the server. */
  operated?: Expected;
};

const conversation = (owned: Owned) => ({ user_id: owned.user_id, number: String(owned.number) });
const message = (owned: Owned) => ({ ...conversation(owned), id: owned.messageId });
const generation = (owned: Owned) => ({ id: owned.generationId });
const correlation = (owned: Owned) => ({ correlation_id: owned.generationId });
const user = (owned: Owned) => ({ user_id: owned.user_id });
const chat = (owned: Owned) => ({ user_id: owned.user_id, message: 'say x', conversation_id: owned.number });

/** Chosen by whoever makes it: everybody has one of that id. */
const item = (owned: Owned) => ({ user_id: owned.user_id, id: owned.generationId });

const OPEN = { owner: 200, stranger: 200, nobody: 200 };
const SAME_FOR_ALL = { owner: 200, stranger: 200, nobody: 401 };
const HIDDEN = { owner: 200, stranger: 404, nobody: 401 };
/** The same words name somebody else there: an empty answer of their own. */
const OWN_OF_EACH = { owner: 200, stranger: 200, nobody: 401 };

/** The operator's, of a server by itself: what the operator hears there; elsewhere nobody may. */
const operatorHears = (owner: number) => ({
  expect: { owner: 409, stranger: 409, nobody: 401 },
  operated: { owner, stranger: 403, nobody: 401 },
});

/** One row for each route: a route without one fails the test. */
export const MATRIX: Readonly<Record<string, Row>> = {
  postChat: { body: chat, expect: HIDDEN },
  postStreamChat: { body: chat, expect: HIDDEN },
  getStream: { params: correlation, expect: HIDDEN },
  postAsyncChat: { body: chat, expect: HIDDEN },
  getCheckResponse: { params: correlation, expect: HIDDEN },
  postV1ChatCompletions: {
    body: () => ({ messages: [{ role: 'user', content: 'say x' }] }),
    expect: SAME_FOR_ALL,
  },
  postV1Completions: { body: () => ({ prompt: 'say x' }), expect: SAME_FOR_ALL },
  postV1Responses: { body: () => ({ input: 'say x' }), expect: SAME_FOR_ALL },
  getV1Response: { params: (owned) => ({ id: `resp_${owned.generationId}` }), expect: HIDDEN },
  postV1Embeddings: { body: () => ({ input: 'x' }), expect: { owner: 400, stranger: 400, nobody: 401 } },
  listV1Models: { expect: SAME_FOR_ALL },
  getV1Model: { params: ({ model }) => ({ model }), expect: SAME_FOR_ALL },
  postConversation: {
    params: user,
    body: () => ({ message: 'say x' }),
    expect: { owner: 202, stranger: 202, nobody: 401 },
  },
  listConversations: { params: user, expect: OWN_OF_EACH },
  getConversation: { params: conversation, expect: HIDDEN },
  patchConversation: { params: conversation, body: () => ({ pinned: true }), expect: HIDDEN },
  postMessage: { params: conversation, body: () => ({ message: 'say x' }), expect: { ...HIDDEN, owner: 202 } },
  listMessages: { params: conversation, expect: HIDDEN },
  postRegenerate: { params: message, body: () => ({}), expect: { ...HIDDEN, owner: 202 } },
  putFeedback: { params: message, body: () => ({ rating: 'up' }), expect: { ...HIDDEN, owner: 204 } },
  searchMessages: { params: user, query: '?q=secret', expect: OWN_OF_EACH },
  getExport: { params: conversation, expect: HIDDEN },
  postImport: {
    params: user,
    body: () => ({ source: 'x:1', title: 'x', messages: [{ parent: null, role: 'user', content: 'x' }] }),
    expect: { owner: 201, stranger: 201, nobody: 401 },
  },
  listItems: { params: user, expect: OWN_OF_EACH },
  putItem: {
    params: item,
    body: () => ({ kind: 'folder', name: 'x' }),
    expect: { owner: 204, stranger: 204, nobody: 401 },
  },
  postShare: { params: conversation, body: () => ({}), expect: { ...HIDDEN, owner: 201 } },
  getShare: {
    params: ({ messageId }) => ({ share_id: messageId }),
    expect: { owner: 404, stranger: 404, nobody: 404 },
  },
  getGeneration: { params: generation, expect: HIDDEN },
  getGenerationStream: { params: generation, expect: HIDDEN },
  postStop: { params: generation, expect: HIDDEN },
  listDeadLetters: { expect: SAME_FOR_ALL },
  postReplay: { params: generation, expect: { ...HIDDEN, owner: 409 } },
  listModels: { expect: SAME_FOR_ALL },
  listEndpoints: { ...operatorHears(200) },
  postEndpointTry: { body: () => ({ address: 'http://127.0.0.1:9' }), ...operatorHears(422) },
  postEndpoint: { body: () => ({ address: 'http://127.0.0.1:9' }), ...operatorHears(422) },
  deleteEndpoint: { params: generation, ...operatorHears(404) },
  listLocalModels: { ...operatorHears(200) },
  postLocalModelDownload: { params: () => ({ name: 'x' }), ...operatorHears(404) },
  deleteLocalModelDownload: { params: () => ({ name: 'x' }), ...operatorHears(404) },
  deleteLocalModel: { params: () => ({ name: 'x' }), ...operatorHears(404) },
  getSession: { expect: SAME_FOR_ALL },
  postSession: { body: () => ({ api_key: 'nobody has this' }), expect: { owner: 401, stranger: 401, nobody: 401 } },
  deleteSession: { expect: { owner: 204, stranger: 204, nobody: 204 } },
  getStoredData: { params: user, expect: OWN_OF_EACH },
  getUserExport: { params: user, expect: OWN_OF_EACH },
  getUsage: { expect: SAME_FOR_ALL },
  getHealth: { expect: OPEN },
  getLivez: { expect: OPEN },
  getReadyz: { expect: OPEN },
  getQueueStats: { expect: SAME_FOR_ALL },
  getMetrics: { expect: SAME_FOR_ALL },
  getOpenApi: { expect: OPEN },
  getAsyncApi: { expect: OPEN },
  // Last: it takes away what the others ask for.
  deleteItem: { params: item, expect: { owner: 204, stranger: 204, nobody: 401 } },
  deleteConversation: { params: conversation, expect: { ...HIDDEN, owner: 204 } },
  deleteUser: { params: user, expect: OWN_OF_EACH },
  getDeletion: { params: user, expect: OWN_OF_EACH },
};

/** The catalogue's code, whatever form the error has. */
export function codeOf({ headers, json }: Reply): string {
  return headers.get('x-error-code') ?? json?.error?.code;
}

/** In the order of the matrix, strangers before the owner, who may change things. */
export const PRINCIPALS: readonly Principal['name'][] = ['nobody', 'unknown key', 'other workspace', 'owner'];

export async function askAs(url: string, route: Route, principal: Principal, owned: Owned, isOperated = false) {
  const row = MATRIX[route.id]!;
  const params = row.params?.(owned) ?? {};
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(params[name]!));
  const reply = await call(url, route.method, path + (row.query ?? ''), {
    ...(principal.key !== undefined && { key: principal.key }),
    ...(row.body && { body: row.body(owned) }),
  });
  const { owner, stranger, nobody } = (isOperated ? row.operated : undefined) ?? row.expect;
  const expected = principal.name === 'owner' ? owner : principal.name === 'other workspace' ? stranger : nobody;
  return { reply, expected };
}
