import { ErrorReply } from '@redis/client';
import { ChatError } from '../../protocol/errors.ts';

/** Which of the Redis instances; shown to operators and, where it fails, to callers. */
export type RedisName = 'redis-state' | 'redis-cache';

/** The address stays in the cause: callers learn which dependency is away, not where it stands. */
export function unavailable(name: RedisName, cause: unknown, reason = 'away'): ChatError {
  return new ChatError('state_unavailable', { details: { dependency: name, reason }, retryAfterSeconds: 1, cause });
}

export class RedisTimeout extends Error {
  constructor(address: string, ms: number) {
    super(`${address} did not answer within ${ms} ms.`);
    this.name = 'RedisTimeout';
  }
}

const NOT_NOW = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|MISCONF|NOREPLICAS|UNBLOCKED)/;

/** The server answered, and its answer is about the command: trying elsewhere or later changes nothing. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ErrorReply && !NOT_NOW.test(error.message);
}
