import { setTimeout as sleep } from 'node:timers/promises';
import { isUnavailable } from './moving.ts';
import type { ShardSet } from './shard-set.ts';
import { UserMover } from './user-moves.ts';

const LOOK_EVERY_MS = 1_000;

/** Finishes the moves of movers that died, until disposed of: their users can write nothing meanwhile. */
export function keepMoves(shards: ShardSet, onError: (error: unknown) => void): AsyncDisposable {
  const closing = new AbortController();
  const kept = (async () => {
    await using mover = new UserMover(shards);
    while (!closing.signal.aborted) {
      await sleep(LOOK_EVERY_MS, null, { signal: closing.signal }).catch(() => {});
      if (closing.signal.aborted) return;
      await mover.resume().catch((error: unknown) => {
        // The directory is away: whoever asks it hears so.
        if (!isUnavailable(error)) onError(error);
      });
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await kept;
    },
  };
}
