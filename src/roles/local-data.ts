import { access, constants, mkdir } from 'node:fs/promises';
import { LocalPostgresError } from '../adapters/postgres/local-error.ts';
import { type LocalPostgres, startLocalPostgres } from '../adapters/postgres/local-server.ts';
import type { CommonConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { logger } from '../telemetry/logger.ts';

/** Made where missing, and writable. */
export async function openDataFolder(config: Pick<CommonConfig, 'dataDir'>): Promise<void> {
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o755 });
    await access(config.dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ExitError(
      'storage',
      `The data folder ${config.dataDir} cannot be written (${code}): choose another --data-dir`,
      {
        cause: error,
      },
    );
  }
}

/** The embedded PostgreSQL; the caller holds the lock of the data folder. */
export async function startDatabase(
  config: Pick<CommonConfig, 'dataDir'>,
  signal: AbortSignal,
): Promise<LocalPostgres> {
  try {
    return await startLocalPostgres({
      dataDir: config.dataDir,
      signal,
      onEvent: (event) => {
        if (event.kind === 'preparing') logger().info({ location: event.location }, 'preparing the database');
        else logger().warn(event, `PostgreSQL: ${event.kind}`);
      },
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LocalPostgresError)) throw error;
    const kind = error.reason === 'disk_full' || error.reason === 'unwritable' ? 'storage' : 'database';
    throw new ExitError(kind, error.message, { cause: error });
  }
}
