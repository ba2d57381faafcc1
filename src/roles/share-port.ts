import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry } from 'prom-client';
import { backoffMs } from '../lib/backoff.ts';
import { logger } from '../telemetry/logger.ts';
import { exposeMetrics, registry } from '../telemetry/metrics.ts';
import { untilAborted } from './until-aborted.ts';

const RESTART_BASE_MS = 100;
const RESTART_MAX_MS = 5_000;
/** One that lived this long starts again without the delays of those before it. */
const STEADY_MS = 30_000;
const METRICS_TIMEOUT_MS = 5_000;

type MetricsRequest = { ask: 'metrics'; id: number };
type MetricsReply = { answer: 'metrics'; id: number; text: string | null };

/**
 * This process holds the port and starts `count` others that serve it; one that ends is started again. It leaves
 * when they have left.
 */
export async function sharePort(count: number, signal: AbortSignal): Promise<void> {
  const aggregator = new AggregatorRegistry();
  cluster.on('message', async (worker, message: Partial<MetricsRequest>) => {
    if (message.ask !== 'metrics') return;
    const text = await aggregator.clusterMetrics().catch(() => null);
    if (worker.isConnected()) worker.send({ answer: 'metrics', id: message.id, text } as MetricsReply);
  });
  logger().info({ processes: count }, 'api processes share a port');
  await Promise.all(Array.from({ length: count }, () => keepOne(signal)));
}

async function keepOne(signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const started = performance.now();
    const worker = cluster.fork();
    const ended = once(worker, 'exit') as Promise<[number | null, string | null]>;
    await Promise.race([ended, untilAborted(signal)]);
    if (signal.aborted) {
      tell(worker, 'SIGTERM');
      await ended;
      return;
    }
    const [code, by] = await ended;
    // Wrong settings and a busy port stay so: there is no use in trying again.
    if (code !== null && code > 1) process.exit(code);
    if (performance.now() - started > STEADY_MS) attempt = 0;
    const delayMs = backoffMs(attempt, RESTART_BASE_MS, RESTART_MAX_MS, Math.random());
    logger().error({ code, by, delayMs }, 'an api process ended; starting another');
    await sleep(delayMs, null, { signal }).catch(() => {});
  }
}

function tell(worker: Worker, name: NodeJS.Signals): void {
  worker.process.kill(name);
}

/** In one of several: `/metrics` tells of all of them, whichever of them is asked. */
export function collectClusterMetrics(): void {
  AggregatorRegistry.setRegistries(registry);
  // Made for its listener, which answers the first process.
  new AggregatorRegistry();
  let asked = 0;
  const waiting = new Map<number, (text: string | null) => void>();
  process.on('message', (message: Partial<MetricsReply>) => {
    if (message.answer !== 'metrics' || message.id === undefined) return;
    waiting.get(message.id)?.(message.text ?? null);
    waiting.delete(message.id);
  });
  exposeMetrics(async () => {
    const id = ++asked;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    waiting.set(id, resolve);
    const timer = setTimeout(() => resolve(null), METRICS_TIMEOUT_MS);
    process.send?.({ ask: 'metrics', id } satisfies MetricsRequest);
    const text = await promise;
    clearTimeout(timer);
    waiting.delete(id);
    return text ?? (await registry.metrics());
  });
}
