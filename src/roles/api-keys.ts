import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { EmbeddedConfig } from '../config/config.ts';
import type { Workspaces } from '../ports/workspaces.ts';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';
import { keptSecret } from './kept-secret.ts';

const FILE = 'api-key';

/**
 * Makes the configured keys known, and returns the one that the start block shows: one is made and kept
 * in the data folder where none is configured. Keys that are no longer configured stay known.
 */
export async function registerKeys(workspaces: Workspaces, config: EmbeddedConfig): Promise<string> {
  await workspaces.ensure(DEFAULT_WORKSPACE);
  const configured = config.access.keys;
  const keys =
    configured.length > 0
      ? configured
      : [{ workspace: DEFAULT_WORKSPACE, key: await keptSecret(join(config.dataDir, FILE), 'cb_') }];
  for (const { workspace, key } of keys) {
    const { id } = await workspaces.ensure(workspace);
    await workspaces.addKey(id, 'configured', createHash('sha256').update(key).digest());
  }
  return keys[0]!.key;
}
