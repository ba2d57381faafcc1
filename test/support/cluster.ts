import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { ClusterOptions } from '../../src/roles/cluster/options.ts';
import { type Cluster, startCluster } from '../../src/roles/cluster/start-cluster.ts';
import { type FakeUpstream, type FakeUpstreamOptions, startFakeUpstream } from './fake-upstream.ts';
import { type CallOptions, call, type Reply } from './http-client.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const POLL_MS = 25;
const PATIENCE_MS = 120_000;

/** A key of the workspace `other`, beside the cluster's own, which is of `default`. */
const OTHER_KEY = 'other-workspace-key-0123456789';

const DEFAULTS: ClusterOptions = {
  apis: 2,
  workers: 2,
  port: 0,
  nginx: true,
  inferenceUrl: null,
  folder: null,
  keep: false,
  restart: false,
  json: true,
};

export type TestCluster = Awaited<ReturnType<typeof startTestCluster>>;

/**
 * The real thing with a model whose every byte can be known. Parts are killed, paused and started again by their
 * names; nothing is started again by itself.
 */
export async function startTestCluster(
  options: Partial<ClusterOptions> & { settings?: Record<string, string>; upstream?: FakeUpstreamOptions } = {},
) {
  const { settings, upstream: upstreamOptions, ...rest } = options;
  const upstream = await startFakeUpstream(upstreamOptions);
  let cluster: Cluster;
  try {
    cluster = await startCluster(
      { ...DEFAULTS, ...rest, inferenceUrl: upstream.url },
      { LOG_LEVEL: 'info', SHUTDOWN_DEADLINE: '8', API_KEYS: `other:${OTHER_KEY}`, ...settings },
      new AbortController().signal,
    );
  } catch (error) {
    await upstream[Symbol.asyncDispose]();
    throw error;
  }
  const apis = cluster.parts.filter(({ spec }) => spec.kind === 'api').map(({ spec }) => spec.address!);
  return {
    cluster,
    upstream: upstream as FakeUpstream,
    /** NGINX; without it the first API. */
    url: cluster.address,
    apis,
    key: cluster.key,
    otherKey: OTHER_KEY,
    part: cluster.part,
    call: (method: string, path: string, callOptions: CallOptions & { at?: string } = {}): Promise<Reply> =>
      call(callOptions.at ?? cluster.address, method, path, { key: cluster.key, ...callOptions }),
    /** A command of the same program on the same databases. */
    command(...args: string[]): Promise<{ code: number; out: string; err: string }> {
      const env = { PATH: process.env.PATH, DATABASE_URLS: cluster.settings.DATABASE_URLS };
      return new Promise((resolve) => {
        execFile(process.execPath, [MAIN, ...args], { cwd: cluster.folder, env }, (error, out, err) => {
          resolve({ code: error ? Number(error.code) : 0, out, err });
        });
      });
    },
    /** On every shard, as an operator would. */
    async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
      const rows: Row[] = [];
      for (const name of ['shard-1', 'shard-2']) {
        const client = new pg.Client({ connectionString: cluster.part(name).spec.address! });
        client.on('error', () => {});
        await client.connect();
        try {
          rows.push(...(await client.query<Row>(text, values)).rows);
        } finally {
          await client.end();
        }
      }
      return rows;
    },
    /** What a stopped Redis would read again at its start is gone. */
    async emptyRedis(name: 'redis-state' | 'redis-cache'): Promise<void> {
      await rm(join(cluster.folder, name, 'appendonlydir'), { recursive: true, force: true });
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** Resolves with the first value that is not false, null or undefined; what throws is asked again. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | false | null | undefined> | T | false | null | undefined,
): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  let trouble: unknown = null;
  for (;;) {
    try {
      const found = await look();
      if (found !== false && found !== null && found !== undefined) return found;
    } catch (error) {
      trouble = error;
    }
    if (Date.now() > until) throw new Error(`waited in vain: ${what}`, { cause: trouble });
    await sleep(POLL_MS);
  }
}
