import { prepareFolders, unprivileged } from './local-folders.ts';
import { LOCAL_USER } from './local-init.ts';
import type { LocalPostgres } from './local-server.ts';

/** Where the embedded PostgreSQL of a data folder is reached while another process runs it. */
export async function localConnection(dataDir: string): Promise<LocalPostgres['connectionOptions']> {
  const { run } = await prepareFolders(dataDir, await unprivileged());
  return { host: run, port: 5432, user: LOCAL_USER, database: 'chatterbot' };
}
