import { keepData } from '../adapters/postgres/keep-data.ts';
import type { DistributedConfig } from '../config/config.ts';
import { loadsModel } from '../config/inference-config.ts';
import { finishDeletions } from '../core/delete-user.ts';
import { forgetTemporary } from '../core/forget-temporary.ts';
import { forgetTransient } from '../core/forget-transient.ts';
import { recoverStalled } from '../core/recover-stalled.ts';
import { Runner } from '../core/runner.ts';
import { Slots } from '../core/slots.ts';
import { createLogger, logger, setLogger } from '../telemetry/logger.ts';
import { collectProcessMetrics } from '../telemetry/metrics.ts';
import { consume } from '../worker/consume.ts';
import { askModel, checkDependency, reportOf } from './health.ts';
import {
  keepMeasuring,
  measureDatabases,
  measureDeadLetters,
  measureLanes,
  measureOldestJobs,
  measurePartitions,
} from './measure.ts';
import { DISTRIBUTED_BACKENDS, openDistributed } from './open-distributed.ts';
import { openInference } from './open-inference.ts';
import { openOperationDoor } from './operation-door.ts';
import { coreSettings } from './runner-settings.ts';
import { sendWebhooks } from './send-webhooks.ts';
import { startRunner } from './start-runner.ts';
import { untilAborted } from './until-aborted.ts';
import { announceModels } from './worker-models.ts';

/** Left of the deadline for what is handed over. */
const HAND_OVER_MS = 5_000;

/**
 * Takes jobs from the lanes, sees to what stands still on every shard, and stores what the broker gave up.
 * Told to leave, it takes nothing more and finishes what it can; the rest goes to another worker.
 */
export async function runWorker(config: DistributedConfig, signal: AbortSignal): Promise<void> {
  setLogger(createLogger(config.log.level, config.log.format));
  collectProcessMetrics();
  await using stack = new AsyncDisposableStack();
  const opened = await openDistributed('worker', config, stack, signal);
  const model = stack.use(await openInference(config.inference, config.slots.total, signal));
  const { queue, databases } = opened;
  const ports = { ...opened.ports, inference: model.inference };
  if (loadsModel(config.inference)) stack.use(announceModels(ports.cache, model.inference));
  const settings = coreSettings(config, false);
  const runner = stack.use(new Runner(ports, settings.runner, opened.name, new Slots(settings.slots)));
  await startRunner(runner, ports.clock, signal);

  if (config.workerPort !== null) {
    const door = {
      async readiness() {
        if (runner.draining) return 'leaving';
        return databases.isReachable ? null : 'no database can be reached';
      },
      async health() {
        const own = await checkDependency('model', 'ray_serve', () => askModel(model.inference));
        const backends = { ...DISTRIBUTED_BACKENDS, ray_serve: `${model.backend}, ${model.describe()}` };
        const { dependencies, ...report } = reportOf([...(await opened.dependencies()), own], backends);
        return {
          status: report.detail === null ? ('healthy' as const) : ('degraded' as const),
          owner: opened.name,
          running: runner.running,
          ...report,
          dependencies: dependencies.map(({ latencyMs, ...rest }) => ({ ...rest, latency_ms: latencyMs })),
          timestamp: Date.now() / 1000,
        };
      },
    };
    stack.use(await openOperationDoor(door, { host: config.listen.host, port: config.workerPort }));
  }
  const consumers = await consume(queue, runner);
  stack.use(queue.consumeDeadLetters((letter) => runner.giveUp(letter.job, `the queue gave it up: ${letter.reason}`)));
  stack.use(keepData(opened.shards, config.data));
  stack.use(databases.keepMoves());
  stack.use(
    keepMeasuring([
      () => measureLanes(queue),
      () => measureOldestJobs(databases),
      () => measureDeadLetters(ports.deadLetters),
      () => measureDatabases(databases),
      () => measurePartitions(databases),
    ]),
  );
  const sweeping = new AbortController();
  const swept = Promise.all([
    recoverStalled(ports, settings.recover, runner, sweeping.signal),
    finishDeletions(ports, settings.stop, sweeping.signal),
    forgetTransient(ports, settings.forget, sweeping.signal),
    forgetTemporary(ports, settings.forgetTemporary, sweeping.signal),
    sendWebhooks({ clock: ports.clock, webhooks: opened.webhooks }, config.webhooks, sweeping.signal),
  ]);
  logger().info({ owner: opened.name, slots: settings.slots.total }, 'worker ready');

  await untilAborted(signal);
  logger().info({ owner: opened.name, running: runner.running }, 'worker leaves');
  sweeping.abort();
  await consumers[Symbol.asyncDispose]();
  await Promise.all([runner.drain(Math.max(0, config.shutdownDeadlineMs - HAND_OVER_MS)), swept]);
}
