import type { WithDefaults } from './defaults.ts';
import type { ApiKey } from './value-types.ts';

/**
 * `local`: only this machine can reach the server, and its page is the local user's without a key. With no
 * keys given one is made. `keys`: others can reach it, so everybody shows a key. `database`: everybody shows
 * a key that the database knows; `keys` are made known to it.
 */
export type Access =
  | { kind: 'local'; keys: readonly ApiKey[] }
  | { kind: 'keys'; keys: readonly [ApiKey, ...ApiKey[]] }
  | { kind: 'database'; keys: readonly ApiKey[] };

/** Enough that a key cannot be guessed over the network. */
const MIN_NETWORK_KEY_CHARS = 16;

/** `many`: one of several processes on shared databases, which hold the keys. */
export function accessOf(values: WithDefaults, many: boolean, problems: string[]): Access {
  const keys = values.API_KEYS ?? [];
  const owners = new Map<string, string>();
  for (const { key, workspace } of keys) {
    const owner = owners.get(key) ?? workspace;
    if (owner !== workspace) problems.push(`API_KEYS: the workspaces ${owner} and ${workspace} have the same key`);
    owners.set(key, workspace);
  }
  const reachable = reachableBy(values);
  if (reachable === null) return { kind: many ? 'database' : 'local', keys };
  const [first, ...others] = keys;
  if (!many && first === undefined) {
    problems.push(`${reachable} lets other machines in: set API_KEYS, or anybody there could use this server`);
  }
  if (keys.some(({ key }) => key.length < MIN_NETWORK_KEY_CHARS)) {
    problems.push(
      `${reachable} lets other machines in: keys in API_KEYS need ${MIN_NETWORK_KEY_CHARS} characters or more`,
    );
  }
  return many || first === undefined ? { kind: 'database', keys } : { kind: 'keys', keys: [first, ...others] };
}

/** The setting through which other machines reach the server; null where none can. */
function reachableBy({ HOST, PUBLIC_URL }: WithDefaults): string | null {
  if (!isLoopback(HOST)) return `HOST=${HOST}`;
  if (PUBLIC_URL !== undefined && !isLoopback(new URL(PUBLIC_URL).hostname)) return `PUBLIC_URL=${PUBLIC_URL}`;
  return null;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[?::1\]?)$/i.test(host);
}
