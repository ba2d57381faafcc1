import type { GenerationResource, ModelResource, SharedResource } from '../src/protocol/resources.ts';
import type { AnswerState } from './answer-state.ts';
import { ALWAYS_ONLINE, type Connectivity } from './connectivity.ts';
import { type FollowOptions, follow } from './follow.ts';
import { createHttp, type HttpOptions } from './http.ts';
import { type AnswerOptions, readAnswer } from './read-answer.ts';
import { type CallOptions, createUserApi, type UserApi } from './user-api.ts';

export type ClientOptions = HttpOptions & {
  /** Tells when the network is back, so that reading goes on at once. */
  connectivity?: Connectivity;
};

export type Session = { user_id: string; workspace: string; signed_in: boolean; operates: boolean };

export type ChatterBotClient = {
  user(userId: string): UserApi;
  /** Event by event; see also `answer`. */
  follow(generationId: string, options: FollowOptions): Promise<void>;
  /**
   * Resolves to the whole answer, and to what there is of it where the signal is aborted. `onChange` sees it grow;
   * connections that are lost meanwhile are found again.
   */
  answer(generationId: string, options?: AnswerOptions): Promise<AnswerState>;
  generation(id: string, options?: CallOptions): Promise<GenerationResource>;
  /** Resolves when whoever writes the answer has stopped; what there is is kept. */
  stop(id: string): Promise<GenerationResource>;
  models(options?: CallOptions): Promise<{ items: ModelResource[] }>;
  /** What somebody shared, for whoever has the link. */
  shared(id: string, options?: CallOptions): Promise<SharedResource>;
  session(options?: CallOptions): Promise<Session>;
  /** Exchanges a key for a cookie that scripts cannot read. */
  signIn(apiKey: string): Promise<void>;
  signOut(): Promise<void>;
};

/** For browsers and Node 20+. Without `apiKey` the page's own session (same origin) is used. */
export function createClient({ connectivity = ALWAYS_ONLINE, ...options }: ClientOptions): ChatterBotClient {
  const http = createHttp(options);
  const generation = (id: string): string => `/generations/${encodeURIComponent(id)}`;
  return {
    user: (userId) => createUserApi(http, userId),
    follow: (id, how) => follow(http, connectivity, `${generation(id)}/stream`, how),
    answer: (id, how = {}) =>
      readAnswer((options) => follow(http, connectivity, `${generation(id)}/stream`, options), how),
    generation: (id, how = {}) => http.json(generation(id), { signal: how.signal }),
    // A second stop is answered like the first, so it may be repeated.
    stop: (id) => http.json(`${generation(id)}/stop`, { method: 'POST', idempotencyKey: `stop-${id}` }),
    models: (how = {}) => http.json('/models', { signal: how.signal }),
    shared: (id, how = {}) => http.json(`/shares/${encodeURIComponent(id)}`, { signal: how.signal }),
    session: (how = {}) => http.json('/session', { signal: how.signal }),
    signIn: (apiKey) => http.json('/session', { method: 'POST', body: { api_key: apiKey } }),
    signOut: () => http.json('/session', { method: 'DELETE' }),
  };
}
