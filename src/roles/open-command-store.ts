import { localConnection } from '../adapters/postgres/local-connection.ts';
import type { Shards } from '../adapters/postgres/shards.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { FolderLockedError, lockFolder } from '../lib/folder-lock.ts';
import type { Clock } from '../ports/clock.ts';
import { openDataFolder, startDatabase } from './local-data.ts';
import { openShardedStore } from './open-sharded-store.ts';
import { openStore, type StorePorts } from './open-store.ts';

/** `isAlone`: nobody else has these databases open, nor begins to before `stack` ends. */
type CommandStore = { shards: Shards; ports: StorePorts; isAlone: boolean };

/** The store for a command, beside running servers or without: the shared databases, or the data folder's own. */
export async function openCommandStore(
  config: EmbeddedConfig | StoreConfig,
  clock: Clock,
  stack: AsyncDisposableStack,
): Promise<CommandStore> {
  if (config.kind === 'store') {
    const store = await openShardedStore(config, { clock }, stack, new AbortController().signal);
    return { ...store, isAlone: false };
  }
  const { connection, isAlone } = await connect(config, stack);
  return { ...(await openStore(connection, config, { clock, onlyOwner: isAlone }, stack)), isAlone };
}

/** The running server's PostgreSQL; with none running, its own for as long as this takes. */
async function connect(config: EmbeddedConfig, stack: AsyncDisposableStack) {
  await openDataFolder(config);
  try {
    stack.use(await lockFolder(config.dataDir, 'chatterbot.lock'));
  } catch (error) {
    if (!(error instanceof FolderLockedError)) throw error;
    return { connection: await localConnection(config.dataDir), isAlone: false };
  }
  const { connectionOptions } = stack.use(await startDatabase(config, new AbortController().signal));
  return { connection: connectionOptions, isAlone: true };
}
