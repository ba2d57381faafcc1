import { randomUUID } from 'node:crypto';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import type { Part } from '../../src/roles/cluster/part.ts';
import { prepareServer } from '../../src/roles/cluster/server-process.ts';
import { eventually, type TestCluster } from './cluster.ts';
import { call, type Json } from './http-client.ts';

/** No two alike, so that no answer is another's. Markers for the fake upstream may be added: `[[tokens:500]]`. */
export const question = (more = ''): string => `Tell me something. ${randomUUID()} ${more}`.trim();

export type Row = { state: string; epoch: number; owner: string | null; attempts: number };

/** What callers of a cluster do, and what its operator looks up. */
export function clientOf(cluster: TestCluster) {
  const callAt = (at: string | undefined, method: string, path: string, body?: unknown) =>
    cluster.call(method, path, { ...(at !== undefined && { at }), ...(body !== undefined && { body }) });
  return {
    async send(user_id: string, message: string, { at, tokens = 1024 }: { at?: string; tokens?: number } = {}) {
      const { status, json, text } = await callAt(at, 'POST', '/stream-chat', {
        user_id,
        message,
        max_tokens: tokens,
      });
      if (status !== 200) throw new Error(`POST /stream-chat: ${status} ${text}`);
      return json.correlation_id as string;
    },
    answered: (id: string, at?: string): Promise<Json> =>
      eventually(`${id} is answered`, async () => {
        const { json } = await callAt(at, 'GET', `/check-response/${id}`);
        return json?.response === undefined ? null : json;
      }),
    stop: (id: string, at?: string) => callAt(at, 'POST', `/generations/${id}/stop`),
    /** The generation as its shard has it. */
    async row(id: string): Promise<Row | undefined> {
      const text = 'SELECT state, epoch, owner, attempts FROM generations WHERE id = $1';
      return (await cluster.sql<Row>(text, [id]))[0];
    },
    health: async (at?: string): Promise<Json> => (await callAt(at, 'GET', '/health')).json,
    isHealthy: () =>
      eventually('all is up', async () => (await callAt(undefined, 'GET', '/health')).json.status === 'healthy'),
    /** Another API or worker on the cluster's servers, started and ready. */
    async join(kind: 'api' | 'worker', settings: Record<string, string> = {}): Promise<Part> {
      const part = await joining(cluster, kind, settings);
      await part.start();
      return part;
    },
  };
}

/** The same, not started yet. */
export async function joining(
  cluster: TestCluster,
  kind: 'api' | 'worker',
  settings: Record<string, string> = {},
): Promise<Part> {
  const [port] = await freePorts(1);
  const name = `own-${kind}-${randomUUID().slice(0, 8)}`;
  return prepareServer(kind, name, cluster.cluster.folder, port!, { ...cluster.cluster.settings, ...settings });
}

/** The name under which a worker owns what it runs. */
export async function ownerName(worker: Part): Promise<string> {
  return (await call(worker.spec.address!, 'GET', '/health')).json.owner;
}

/** Sum over the labels of a metric that contain `labels`, at every address; 0 where it has not been counted yet. */
export async function metricOf(addresses: readonly string[], key: string, name: string, labels = ''): Promise<number> {
  const texts = await Promise.all(addresses.map(async (at) => (await call(at, 'GET', '/metrics', { key })).text));
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
