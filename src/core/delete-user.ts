import type { Cache } from '../ports/cache.ts';
import type { GenerationId, WorkspaceId } from '../ports/generations.ts';
import type { DeletionReceipt, UserDeletion, UserDeletions } from '../ports/user-deletions.ts';
import { ChatError } from '../protocol/errors.ts';
import { portFailed, userDeleted } from '../telemetry/events.ts';
import { sealKeyName } from './answer-cache.ts';
import { contextKey } from './conversation-context.ts';
import { summaryKey } from './conversation-summary.ts';
import { type StopPorts, type StopSettings, stopKnown } from './stop-generation.ts';

export type DeleteUserPorts = StopPorts & { deletions: UserDeletions; cache: Cache };

/** While some stop, others of the user begin. */
const MAX_STOP_ROUNDS = 5;
const AT_ONCE = 16;
const LOOK_EVERY_MS = 2_000;
/** Of a deletion that nobody goes on with: longer than any step of it takes. */
const ABANDONED_AFTER_MS = 30_000;

/**
 * Removes everything that is kept of a user, everywhere, and says what it was. Where a database is away the rest
 * is done, and the receipt is not finished: a worker finishes it. A second call gets the receipt of the first.
 * Throws `user_not_found`.
 */
export async function deleteUser(
  ports: DeleteUserPorts,
  settings: StopSettings,
  workspaceId: WorkspaceId,
  externalId: string,
): Promise<DeletionReceipt> {
  const deletion = await ports.deletions.begin(workspaceId, externalId);
  if (deletion) return await carryOut(ports, settings, deletion);
  const receipt = await ports.deletions.lastReceipt(workspaceId, externalId);
  if (!receipt) throw new ChatError('user_not_found');
  return receipt;
}

/** Goes on with deletions that others began and did not finish, until aborted. */
export async function finishDeletions(
  ports: DeleteUserPorts,
  settings: StopSettings,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for (const deletion of await ports.deletions.takeOver(ABANDONED_AFTER_MS))
        await carryOut(ports, settings, deletion);
    } catch (error) {
      portFailed({ port: 'deletions', operation: 'finish', error });
    }
    await ports.clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
  }
}

/** Every step does nothing where it was done before. */
async function carryOut(
  ports: DeleteUserPorts,
  settings: StopSettings,
  deletion: UserDeletion,
): Promise<DeletionReceipt> {
  const { deletions, cache, log } = ports;
  const stopped = await stopAll(ports, settings, deletion);
  await deletions.close(deletion);
  const { conversations, generations } = await deletions.traces(deletion);
  await inBatches(conversations, async (id) => {
    await Promise.all([contextKey(id), summaryKey(id), sealKeyName(id)].map((key) => cache.delete(key)));
  });
  await inBatches(generations, (id) => log.remove(id));
  await cache.delete(sealKeyName(deletion.userId));
  const cleared = { stopped, contexts: conversations.length, tokenLogs: generations.length };
  await deletions.noteCleared(deletion, cleared);
  const away = await deletions.erase(deletion);
  if (away.length === 0) await deletions.end(deletion);
  userDeleted({ user: deletion.userId, away });
  return await deletions.receipt(deletion);
}

/** So that models write no more. What is not heard of in time is fenced by the closing. */
async function stopAll(ports: DeleteUserPorts, settings: StopSettings, deletion: UserDeletion): Promise<number> {
  const { userId } = deletion;
  const stopped = new Set<GenerationId>();
  for (let round = 0; round < MAX_STOP_ROUNDS; round++) {
    const running = await ports.deletions.stop(deletion);
    if (running.length === 0) break;
    for (const id of running) stopped.add(id);
    await inBatches(running, (id) => stopKnown(ports, settings, { id, userId }));
  }
  return stopped.size;
}

async function inBatches<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < items.length; first += AT_ONCE) {
    await Promise.all(items.slice(first, first + AT_ONCE).map(act));
  }
}
