import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ExitError } from '../../config/exit-codes.ts';
import { freePorts } from './free-ports.ts';
import { ensureServers, findProgram } from './installed.ts';
import { prepareNginx } from './nginx.ts';
import type { ClusterOptions } from './options.ts';
import type { Part } from './part.ts';
import { prepareShard, type Shard } from './postgres.ts';
import { prepareRabbitMq, rabbitMqFolder } from './rabbitmq.ts';
import { prepareRedis } from './redis.ts';
import { prepareServer } from './server-process.ts';

export interface Cluster extends AsyncDisposable {
  /** Of NGINX; without it, of the first API. */
  readonly address: string;
  /** Of the workspace `default`. */
  readonly key: string;
  readonly folder: string;
  /** In the order in which they started. */
  readonly parts: readonly Part[];
  /** What its APIs and workers run with: a command with these joins it. */
  readonly settings: Readonly<Record<string, string>>;
  part(name: string): Part;
}

export type Progress = (line: string) => void;

/** `settings`: of the APIs and workers, beside those that the cluster itself decides. */
export async function startCluster(
  options: ClusterOptions,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
  say: Progress = () => {},
): Promise<Cluster> {
  await ensureServers(options.nginx, say, signal);
  const folder =
    options.folder === null ? await mkdtemp(join(tmpdir(), 'chatterbot-cluster-')) : resolve(options.folder);
  await mkdir(folder, { recursive: true });
  // PostgreSQL does not run as root, and its user passes through here.
  await chmod(folder, 0o755);
  const parts: Part[] = [];
  const end = async () => {
    // Whoever depends on the others leaves first.
    await Promise.all(parts.filter(({ spec }) => isServer(spec.kind)).map((part) => part.stop()));
    await Promise.all(parts.map((part) => part.stop()));
    if (options.folder === null && !options.keep) await rm(folder, { recursive: true, force: true });
  };
  try {
    const made = await start(folder, options, settings, signal, say, parts);
    return {
      ...made,
      folder,
      parts,
      part(name) {
        const found = parts.find((part) => part.name === name);
        if (!found) throw new Error(`there is no part ${name}; parts are ${parts.map((part) => part.name).join(', ')}`);
        return found;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

const isServer = (kind: Part['spec']['kind']) => kind === 'api' || kind === 'worker' || kind === 'nginx';

async function start(
  folder: string,
  options: ClusterOptions,
  settings: Readonly<Record<string, string>>,
  signal: AbortSignal,
  say: Progress,
  parts: Part[],
): Promise<Pick<Cluster, 'address' | 'key' | 'settings'>> {
  const ports = portTaker(await freePorts(12 + options.apis + options.workers));
  const run = async (what: string, group: readonly Part[]) => {
    say(what);
    parts.push(...group);
    await Promise.all(group.map((part) => part.start(signal)));
  };
  const shards = await Promise.all([
    prepareShard('shard-1', folder, { primary: ports(), replica: ports() }),
    prepareShard('shard-2', folder, { primary: ports(), replica: null }),
  ]);
  const rabbit = await prepareRabbitMq(rabbitMqFolder()!, folder, {
    mapper: ports(),
    broker: ports(),
    distribution: ports(),
  });
  const redis = await Promise.all([prepareRedis('state', folder, ports()), prepareRedis('cache', folder, ports())]);
  const [state, cache] = redis;
  await run('Port mapper of RabbitMQ', [rabbit.mapper]);
  const primaries = shards.map(({ primary }) => primary);
  await run('PostgreSQL (2 shards), RabbitMQ, Redis (state, cache) …', [...primaries, rabbit.broker, ...redis]);
  const replicas = shards.flatMap(({ replica }) => replica ?? []);
  await run('PostgreSQL replica …', replicas);

  const key = await keptKey(folder);
  const common = {
    ...settings,
    DATABASE_URLS: shards.map(addressOf).join(','),
    RABBITMQ_URI: rabbit.uri,
    REDIS_STATE_URL: state!.spec.address!,
    REDIS_CACHE_URL: cache!.spec.address!,
    API_KEYS: [`default:${key}`, settings.API_KEYS].filter(Boolean).join(','),
    TRUSTED_PROXIES: '127.0.0.1',
    API_REPLICAS: String(options.apis),
    ...(options.inferenceUrl !== null && { INFERENCE_URL: options.inferenceUrl }),
  };
  const nginxPort = options.nginx ? options.port || ports() : null;
  const workers = numbered('worker', options.workers, folder, common, () => ports());
  const apis = numbered('api', options.apis, folder, common, (n) =>
    n === 1 && nginxPort === null ? options.port || ports() : ports(),
  );
  const first = apis[0]!;
  // One alone, so that a database without a schema gets it once.
  await run('First API …', [first]);
  await run(`${options.apis} APIs, ${options.workers} workers …`, [...apis.slice(1), ...workers]);
  if (nginxPort === null) return { address: first.spec.address!, key, settings: common };
  const program = findProgram('nginx');
  if (program === null) throw new ExitError('setup', 'NGINX is not installed');
  const nginx = await prepareNginx(
    program,
    folder,
    nginxPort,
    apis.map(({ spec }) => spec.address!),
  );
  await run('NGINX …', [nginx]);
  return { address: nginx.spec.address!, key, settings: common };
}

function numbered(
  kind: 'api' | 'worker',
  count: number,
  folder: string,
  settings: Readonly<Record<string, string>>,
  port: (n: number) => number,
): Part[] {
  return Array.from({ length: count }, (_, index) =>
    prepareServer(kind, `${kind}-${index + 1}`, folder, port(index + 1), settings),
  );
}

function addressOf({ url, replicaUrl }: Shard): string {
  return replicaUrl === null ? url : `${url}|${replicaUrl}`;
}

function portTaker(ports: number[]): () => number {
  return () => {
    const port = ports.pop();
    if (port === undefined) throw new Error('more ports are needed than were looked for');
    return port;
  };
}

async function keptKey(folder: string): Promise<string> {
  const path = join(folder, 'api-key');
  const kept = await readFile(path, 'utf8').catch(() => '');
  if (kept !== '') return kept.trim();
  const key = `cb_${randomBytes(24).toString('base64url')}`;
  await writeFile(path, `${key}\n`, { mode: 0o600 });
  return key;
}
