import { startTestCluster, type TestCluster } from '../test/support/cluster.ts';
import { percentile } from './statistics.ts';
import { StreamClient, send } from './stream-client.ts';

/** What is promised of many machines, on a whole cluster on this one: p50 and p95 in milliseconds. */
export type ClusterRow = { measure: string; count: number; p50: number; p95: number; worst: number; goal: string };
/** `until`: no stop is sent after that time of `performance.now()`, save the first ten. */
export type ClusterOptions = { stops: number; until: number; log?: (line: string) => void };

const LEAST = 10;
const PACE_MS = 20;
/** As long as a request may ask for, so that none ends by itself. */
const TOKENS = 1_024;

export async function clusterBench({ stops, until, log }: ClusterOptions): Promise<ClusterRow[]> {
  log?.('starting a cluster');
  await using cluster = await startTestCluster({
    upstream: { length: 100 * TOKENS, paceMs: PACE_MS },
    settings: { LOG_LEVEL: 'warn', RATE_LIMIT_REQUESTS_PER_MINUTE: '1000000' },
  });
  const direct: StopTimes[] = [];
  const proxied: StopTimes[] = [];
  for (let n = 0; n < stops && (n < LEAST || performance.now() < until); n += 1) {
    const [first, second] = n % 2 === 0 ? cluster.apis : cluster.apis.toReversed();
    direct.push(await stopOne(cluster, n, first!, second!));
    proxied.push(await stopOne(cluster, n, cluster.url, cluster.url));
  }
  log?.(`${direct.length + proxied.length} answers stopped`);
  return [
    row(
      'stop acknowledged, sent to another API',
      direct.map(({ acknowledged }) => acknowledged),
      '≤ 250',
    ),
    row(
      'stop acknowledged, through NGINX',
      proxied.map(({ acknowledged }) => acknowledged),
      '≤ 250',
    ),
    row(
      'stop: the connection to the model is closed',
      direct.map(({ modelLeft }) => modelLeft),
      '≤ 250',
    ),
    row(
      'stop: its reader has the end',
      direct.map(({ readerDone }) => readerDone),
      '',
    ),
  ];
}

type StopTimes = { acknowledged: number; modelLeft: number; readerDone: number };

async function stopOne(
  { upstream, key }: TestCluster,
  n: number,
  acceptAt: string,
  stopAt: string,
): Promise<StopTimes> {
  const at = (url: string) => ({ url, key });
  const body = { user_id: `stopper-${n % 8}`, message: `Go on for ever, number ${n}.`, max_tokens: TOKENS };
  const client = new StreamClient(
    at(acceptAt),
    (await send(at(acceptAt), 'POST', '/stream-chat', body)).correlation_id,
  );
  await client.first;
  const began = performance.now();
  const left = untilModelIsLeft(upstream);
  const { state } = await send(at(stopAt), 'POST', `/generations/${client.id}/stop`);
  const acknowledged = performance.now() - began;
  if (state !== 'cancelled') throw new Error(`a stop was not acknowledged: ${state} after ${acknowledged} ms`);
  const modelLeft = (await left) - began;
  await client.end;
  return { acknowledged, modelLeft, readerDone: client.endedAt! - began };
}

async function untilModelIsLeft({ counts }: TestCluster['upstream']): Promise<number> {
  while (counts.open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return performance.now();
}

function row(measure: string, values: readonly number[], goal: string): ClusterRow {
  const p = (share: number) => percentile(values, share);
  return { measure, count: values.length, p50: p(0.5), p95: p(0.95), worst: p(1), goal };
}
