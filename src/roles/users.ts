import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileTokenLog } from '../adapters/file/token-log.ts';
import { MemoryCache } from '../adapters/memory/cache.ts';
import { MemoryGenerationQueue } from '../adapters/memory/generation-queue.ts';
import { MemoryInboxes } from '../adapters/memory/inboxes.ts';
import { MemoryTokenBudgets } from '../adapters/memory/token-budgets.ts';
import { MemoryWaitingLine } from '../adapters/memory/waiting-line.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { type DeleteUserPorts, deleteUser } from '../core/delete-user.ts';
import { deletionResource } from '../http/represent.ts';
import type { WorkspaceId } from '../ports/generations.ts';
import type { DeletionReceipt, UserDeletions } from '../ports/user-deletions.ts';
import { openCommandStore } from './open-command-store.ts';
import type { StorePorts } from './open-store.ts';
import { coreSettings } from './runner-settings.ts';

const USAGE = 'usage: users delete WORKSPACE USER';
/** A running worker, or server, looks every two seconds. */
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 250;

/**
 * Whoever serves carries the deletion out, since answers are to be stopped, and caches and logs cleared, where
 * they are; beside the data folder of a server that does not run it is carried out here.
 */
export async function runUsers(config: EmbeddedConfig | StoreConfig, args: readonly string[]): Promise<void> {
  const [verb, workspace, user, ...rest] = args;
  if (verb !== 'delete' || workspace === undefined || user === undefined || rest.length > 0)
    throw new ExitError('usage', USAGE);
  await using stack = new AsyncDisposableStack();
  const clock = new SystemClock();
  const { ports, isAlone } = await openCommandStore(config, clock, stack);
  const known = await ports.workspaces.find(workspace);
  if (!known) throw new ExitError('usage', `${workspace}: there is no such workspace; \`keys list\` shows them`);
  const receipt = isAlone
    ? await deleteHere(config, ports, clock, stack, known.id, user)
    : await deleteThere(ports.deletions, clock, known.id, user);
  if (!receipt) throw new ExitError('usage', `${user}: there is no such user in workspace ${workspace}`);
  process.stdout.write(`${JSON.stringify(deletionResource(receipt), null, 2)}\n`);
  if (receipt.finishedAt === null) {
    throw new ExitError(
      'database',
      'not finished: no running worker has reached every database yet. One that does finishes it; run this again for the receipt',
    );
  }
}

async function deleteThere(
  deletions: UserDeletions,
  clock: SystemClock,
  workspaceId: WorkspaceId,
  user: string,
): Promise<DeletionReceipt | null> {
  const deletion = await deletions.begin(workspaceId, user);
  if (!deletion) return await deletions.lastReceipt(workspaceId, user);
  await deletions.leave(deletion);
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const receipt = await deletions.receipt(deletion);
    if (receipt.finishedAt !== null || performance.now() > until) return receipt;
    await clock.sleep(LOOK_EVERY_MS);
  }
}

/** Nobody runs or remembers anything: only the folder of logs is left beside the database. */
async function deleteHere(
  config: EmbeddedConfig | StoreConfig,
  store: StorePorts,
  clock: SystemClock,
  stack: AsyncDisposableStack,
  workspaceId: WorkspaceId,
  user: string,
): Promise<DeletionReceipt | null> {
  const folder = join(config.dataDir, 'token-log');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ports: DeleteUserPorts = {
    clock,
    ...store,
    queue: stack.use(new MemoryGenerationQueue({ clock })),
    log: stack.use(new FileTokenLog({ folder, clock, closedTtlMs: config.streams.logTtlMs })),
    line: new MemoryWaitingLine(clock),
    inboxes: new MemoryInboxes(clock),
    cache: new MemoryCache({ clock, maxBytes: 0 }),
    budgets: new MemoryTokenBudgets(clock),
  };
  return await deleteUser(ports, coreSettings(config, true).stop, workspaceId, user).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'user_not_found') return null;
    throw error;
  });
}
