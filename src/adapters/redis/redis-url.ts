/** Where a Redis is, as one URL says it. */
export type RedisTarget = {
  servers: readonly Address[];
  credentials: { username?: string; password?: string };
  tls: boolean;
} & (
  | { kind: 'single'; database: number }
  /** `servers` are the sentinels; the credentials are the data servers'. */
  | { kind: 'sentinel'; database: number; master: string }
  /** `servers` are some of the cluster's, from which the rest are learned. */
  | { kind: 'cluster' }
);

export type Address = { host: string; port: number };

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#]*)(?:\/([^?#]*))?$/;
const DEFAULT_PORT = { single: 6379, sentinel: 26379, cluster: 6379 } as const;

/**
 * `redis://[user:password@]host[:port][/database]`,
 * `redis+sentinel://[user:password@]host[:port],host[:port]…/master-name[/database]`,
 * `redis+cluster://[user:password@]host[:port],host[:port]…`; each with `rediss` for TLS.
 */
export function parseRedisUrl(url: string): RedisTarget {
  const [, scheme, form = 'single', login, hosts = '', path = ''] = FORM.exec(url) ?? malformed();
  const kind = form as RedisTarget['kind'];
  const shared = {
    servers: hosts.split(',').map((host) => parseAddress(host, DEFAULT_PORT[kind])),
    credentials: parseLogin(login),
    tls: scheme === 'rediss',
  };
  const parts = path === '' ? [] : path.split('/');
  if (kind === 'cluster') return parts.length === 0 ? { kind, ...shared } : malformed();
  if (kind === 'sentinel') {
    const [master, database, ...rest] = parts;
    if (!master || rest.length > 0) return malformed();
    return { kind, ...shared, master: decodeURIComponent(master), database: parseDatabase(database) };
  }
  if (parts.length > 1 || shared.servers.length > 1) return malformed();
  return { kind, ...shared, database: parseDatabase(parts[0]) };
}

/** A URL may hold a password, so it is not repeated. */
function malformed(): never {
  throw new TypeError(
    'not a Redis URL; expected redis://host:port/database, redis+sentinel://host,host/master-name or redis+cluster://host,host',
  );
}

function parseAddress(text: string, defaultPort: number): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? malformed();
  return { host: bracketed ?? plain ?? malformed(), port: port === undefined ? defaultPort : Number(port) };
}

function parseLogin(login: string | undefined): RedisTarget['credentials'] {
  if (!login) return {};
  const colon = login.indexOf(':');
  const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon));
  const password = colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}

function parseDatabase(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  return /^\d{1,4}$/.test(text) ? Number(text) : malformed();
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
