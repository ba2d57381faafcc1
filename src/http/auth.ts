import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Sessions } from '../ports/sessions.ts';
import { type KeyHolder, keyIdOf, type Workspaces } from '../ports/workspaces.ts';
import { ChatError } from '../protocol/errors.ts';
import { DEFAULT_WORKSPACE, LOCAL_USER } from '../protocol/local-user.ts';
import type { Caller } from './caller.ts';
import type { HttpOptions } from './http-options.ts';
import { isFromThisMachine, isOwnHost, originOf } from './same-origin.ts';
import { SESSION_COOKIE } from './session-cookie.ts';

/** A revoked key works this much longer, at most, */
const KEY_CACHE_MS = 1000;
/** and this long while the keys cannot be looked up: whoever was known goes on. */
const KEY_STALE_MS = 60 * 60 * 1000;
const KEY_CACHE_ENTRIES = 10_000;
const LONGEST_KEY = 255;

export type Authenticator = {
  /** Throws `unauthorized` or `forbidden_origin`. */
  authenticate(request: FastifyRequest): Promise<Caller>;
  /** Throws `unauthorized` where no workspace has this key. */
  byKey(key: string): Promise<Caller>;
  /** Null where no workspace has this key. */
  findKey(key: string): Promise<(KeyHolder & { hash: Buffer }) | null>;
};

export function createAuthenticator(
  workspaces: Workspaces,
  sessions: Sessions,
  options: Pick<HttpOptions, 'host' | 'publicUrl' | 'localUser'>,
): Authenticator {
  const known = new LRUCache<string, { holder: KeyHolder; at: number }>({
    max: KEY_CACHE_ENTRIES,
    ttl: KEY_STALE_MS,
  });
  const asked = new Map<string, Promise<KeyHolder | null>>();
  const local = options.localUser ? once(() => workspaces.ensure(DEFAULT_WORKSPACE)) : null;

  const findByHash = async (hash: Uint8Array): Promise<KeyHolder | null> => {
    const name = Buffer.from(hash).toString('base64');
    const before = known.get(name);
    if (before && performance.now() - before.at < KEY_CACHE_MS) return before.holder;
    try {
      return await ask(name, hash);
    } catch (error) {
      if (before && error instanceof ChatError && error.code === 'database_unavailable') return before.holder;
      throw error;
    }
  };

  /** Once for all that ask at the same time. */
  const ask = (name: string, hash: Uint8Array): Promise<KeyHolder | null> => {
    const underWay = asked.get(name);
    if (underWay) return underWay;
    const at = performance.now();
    const answer = workspaces
      .findByKey(hash)
      .then((holder) => {
        if (holder) known.set(name, { holder, at });
        else known.delete(name);
        return holder;
      })
      .finally(() => asked.delete(name));
    asked.set(name, answer);
    return answer;
  };

  const findKey = async (key: string) => {
    const hash = hashOf(key);
    const holder = key.length > 0 && key.length <= LONGEST_KEY ? await findByHash(hash) : null;
    return holder && { ...holder, hash };
  };

  const bySession = async (request: FastifyRequest): Promise<Caller | null> => {
    const token = request.cookies[SESSION_COOKIE];
    const hash = token ? await sessions.find(token) : null;
    const holder = hash && (await findByHash(hash));
    if (!holder) return null;
    if (originOf(request) === 'foreign') throw new ChatError('forbidden_origin');
    return { workspace: holder.workspace, via: 'session', onlyUser: LOCAL_USER, ...credentialOf(hash, holder) };
  };

  const byKey = async (key: string): Promise<Caller> => {
    const found = await findKey(key);
    if (!found) throw new ChatError('unauthorized');
    return { workspace: found.workspace, via: 'key', onlyUser: null, ...credentialOf(found.hash, found) };
  };

  return {
    byKey,
    findKey,
    async authenticate(request) {
      // A key that is sent decides alone, known or not: nobody is somebody else by mistake.
      const key = keyOf(request);
      if (key !== null) return byKey(key);
      const session = await bySession(request);
      if (session) return session;
      if (!local || !isFromThisMachine(request)) throw new ChatError('unauthorized');
      const origin = originOf(request);
      if (origin === 'foreign' || !isOwnHost(request, options)) throw new ChatError('forbidden_origin');
      if (origin === 'unknown') throw new ChatError('unauthorized');
      return { workspace: await local(), via: 'local', onlyUser: LOCAL_USER, credential: LOCAL_USER, key: null };
    },
  };
}

/** Null where none was sent. `X-API-Key` decides where both are there. */
export function keyOf({ headers }: FastifyRequest): string | null {
  const key = headers['x-api-key'];
  if (key !== undefined) return String(key);
  return /^Bearer +(.*)$/i.exec(headers.authorization ?? '')?.[1]?.trim() ?? null;
}

/** The external id that a request names, where its caller may name it. */
export function allowUser(caller: Caller, userId: string): string {
  const name = userId.toWellFormed();
  if (caller.onlyUser !== null && caller.onlyUser !== name) throw new ChatError('forbidden_user');
  return name;
}

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();
const credentialOf = (hash: Uint8Array, { budget }: KeyHolder) => ({
  credential: Buffer.from(hash.subarray(0, 9)).toString('base64url'),
  key: { id: keyIdOf(hash), budget },
});

/** Asks once; a failure is asked again. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | null = null;
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = null;
      throw error;
    });
    return asked;
  };
}
