import type { FastifyReply } from 'fastify';
import type { RateLimits } from '../ports/rate-limits.ts';
import { ChatError } from '../protocol/errors.ts';
import { rateLimited } from '../telemetry/events.ts';
import { allowUser } from './auth.ts';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';

export type Limit = { scope: string; key: string; limit: number; windowMs: number };

/**
 * Takes one and says in headers how it stands: `RateLimit` and `RateLimit-Policy` as the IETF draft has
 * them now, and its earlier three, which more clients read, where there is an answer to say it in. Throws
 * `rate_limited`.
 */
export async function takeFromLimit(limits: RateLimits, reply: FastifyReply | null, limit: Limit): Promise<void> {
  const outcome = await limits.take(`${limit.scope}:${limit.key}`, limit.limit, limit.windowMs);
  const resetSeconds = Math.max(1, Math.ceil(outcome.resetMs / 1000));
  const windowSeconds = Math.ceil(limit.windowMs / 1000);
  void reply?.headers({
    'ratelimit-policy': `"${limit.scope}";q=${outcome.limit};w=${windowSeconds}`,
    ratelimit: `"${limit.scope}";r=${outcome.remaining};t=${resetSeconds}`,
    'ratelimit-limit': String(outcome.limit),
    'ratelimit-remaining': String(outcome.remaining),
    'ratelimit-reset': String(resetSeconds),
  });
  if (outcome.allowed) return;
  rateLimited({ scope: limit.scope, retryAfterMs: outcome.resetMs });
  throw new ChatError('rate_limited', { retryAfterSeconds: resetSeconds });
}

const MINUTE_MS = 60_000;

/** Of the requests that ask or change something. */
export function takeRequest(
  http: Http,
  { caller, reply }: { caller: Caller; reply: FastifyReply | null },
  userId: string,
): Promise<void> {
  return takeFromLimit(http.deps.ports.limits, reply, {
    scope: 'requests',
    key: `${caller.workspace.id}:${caller.credential}:${allowUser(caller, userId)}`,
    limit: http.options.requestsPerMinute,
    windowMs: MINUTE_MS,
  });
}
