import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { EmbeddedConfig } from '../config/config.ts';
import { keyIdOf, type Workspaces } from '../ports/workspaces.ts';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';
import { keptSecret } from './kept-secret.ts';

const FILE = 'api-key';

const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/**
 * Makes the configured keys known, and returns the one that the start block shows: one is made and kept
 * in the data folder where none is configured. Keys that are no longer configured stay known. `operators`: ids of
 * those that may administer the server.
 */
export async function registerKeys(
  workspaces: Workspaces,
  config: EmbeddedConfig,
): Promise<{ apiKey: string; operators: ReadonlySet<string> }> {
  await workspaces.ensure(DEFAULT_WORKSPACE);
  const configured = config.access.keys;
  const keys =
    configured.length > 0
      ? configured
      : [{ workspace: DEFAULT_WORKSPACE, key: await keptSecret(join(config.dataDir, FILE), 'cb_') }];
  for (const { workspace, key } of keys) {
    const { id } = await workspaces.ensure(workspace);
    await workspaces.addKey(id, 'configured', hashOf(key));
  }
  const own = keys.filter(({ workspace }) => workspace === DEFAULT_WORKSPACE);
  return { apiKey: keys[0]!.key, operators: new Set(own.map(({ key }) => keyIdOf(hashOf(key)))) };
}
