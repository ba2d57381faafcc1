import { queryOptions } from '@tanstack/react-query';
import { ApiError, ConnectionError } from '../../../client/api-error.ts';
import type { Session } from '../../../client/create-client.ts';
import { client } from './client.ts';

/** `offline`: the server is not there, and this is who was signed in last. */
export type PageSession = Session & { offline: boolean };

/** A server that is silent for longer counts as away, where something is kept to be shown. */
const SILENT_MS = 4_000;

const LOOK_AGAIN_MS = 3_000;

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => askWho(signal),
  staleTime: Number.POSITIVE_INFINITY,
  refetchInterval: (query) => (query.state.data?.offline ? LOOK_AGAIN_MS : false),
});

async function askWho(signal: AbortSignal): Promise<PageSession> {
  try {
    const session = await Promise.race([client.session({ signal }), silence()]);
    void import('./kept-chats.ts').then(({ keepFor }) => keepFor(session));
    return { ...session, offline: false };
  } catch (error) {
    const { forgetKept, restoreKept } = await import('./kept-chats.ts');
    if (error instanceof ApiError && error.status === 401) await forgetKept();
    const kept = isAway(error) && (await restoreKept().catch(() => null));
    if (kept) return { ...kept, offline: true };
    throw error;
  }
}

const silence = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new ConnectionError('silent')), SILENT_MS));

/** Not there, or only a proxy is. */
const isAway = (error: unknown): boolean =>
  error instanceof ConnectionError || (error instanceof ApiError && [502, 504].includes(error.status));
