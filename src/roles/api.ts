import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import type { DistributedConfig } from '../config/config.ts';
import { loadsModel } from '../config/inference-config.ts';
import { Runner } from '../core/runner.ts';
import { Slots } from '../core/slots.ts';
import { ChatError, type ErrorCode } from '../protocol/errors.ts';
import { createLogger, logger, setLogger } from '../telemetry/logger.ts';
import { collectProcessMetrics } from '../telemetry/metrics.ts';
import { askModel, checkDependency, reportOf } from './health.ts';
import { listen } from './listen.ts';
import { keepMeasuring, measureDatabases } from './measure.ts';
import { DISTRIBUTED_BACKENDS, type Distributed, openDistributed } from './open-distributed.ts';
import { openInference } from './open-inference.ts';
import type { OpenInference } from './opened-inference.ts';
import { coreSettings } from './runner-settings.ts';
import { collectClusterMetrics, sharePort } from './share-port.ts';
import { startRunner } from './start-runner.ts';
import { untilAborted } from './until-aborted.ts';
import { waitFor } from './wait-for.ts';
import { WorkerModels } from './worker-models.ts';

/** Left of the deadline for what is handed over. */
const HAND_OVER_MS = 5_000;

/**
 * HTTP, streams, and direct runs. Any number of them may serve the same users; none of them keeps anything.
 * Told to leave, it ends its streams, so that their readers come back elsewhere.
 */
export async function runApi(config: DistributedConfig, signal: AbortSignal): Promise<void> {
  setLogger(createLogger(config.log.level, config.log.format));
  if (config.apiWorkers > 1 && cluster.isPrimary) return sharePort(config.apiWorkers, signal);
  collectProcessMetrics();
  if (cluster.isWorker) collectClusterMetrics();
  await using stack = new AsyncDisposableStack();
  const opened = await openDistributed('api', config, stack, signal);
  registerConfiguredKeys(opened, config, signal);
  const model = stack.use(await openApiInference(opened, config, signal));
  const ports = { ...opened.ports, inference: model.inference };
  const settings = coreSettings(config, false);
  // Lanes are the workers' matter: here every slot is for a direct run, whatever its lane.
  const total = loadsModel(config.inference) ? 0 : config.slots.total;
  const slots = new Slots({ total, reserve: { stream: 0, chat: 0, batch: 0 } });
  const runner = stack.use(new Runner(ports, settings.runner, opened.name, slots));
  await startRunner(runner, ports.clock, signal);
  stack.use(keepMeasuring([() => measureDatabases(opened.databases)]));

  const http = await listen(
    {
      ports,
      runner,
      accept: settings.accept,
      stop: settings.stop,
      follow: settings.follow,
      async health() {
        const own = await checkDependency('model', 'ray_serve', () => askModel(model.inference));
        const backends = { ...DISTRIBUTED_BACKENDS, ray_serve: `${model.backend}, ${model.describe()}` };
        return reportOf([...(await opened.dependencies()), own], backends);
      },
      readiness: () => readinessOf(runner, opened),
      operator: null,
    },
    config,
  );
  logger().info({ address: http.address, owner: opened.name }, 'api ready');

  await untilAborted(signal);
  logger().info({ owner: opened.name, running: runner.running }, 'api leaves');
  await Promise.all([http.close(), runner.drain(Math.max(0, config.shutdownDeadlineMs - HAND_OVER_MS))]);
}

/** Without a server to ask, everything goes through the lanes to workers that have a model. */
async function openApiInference(
  { ports }: Distributed,
  config: DistributedConfig,
  signal: AbortSignal,
): Promise<OpenInference> {
  if (!loadsModel(config.inference)) return openInference(config.inference, config.slots.total, signal);
  const inference = new WorkerModels(ports.cache, ports.queue);
  return {
    inference,
    backend: 'the workers',
    describe: () => inference.models()[0]?.title ?? 'none announced yet',
    async [Symbol.asyncDispose]() {
      inference[Symbol.dispose]();
    },
  };
}

/** As soon as the directory is there. Without it the rest goes on, for those who are known. */
function registerConfiguredKeys({ ports }: Distributed, config: DistributedConfig, signal: AbortSignal): void {
  const register = async () => {
    for (const { workspace, key } of config.access.keys) {
      const { id } = await ports.workspaces.ensure(workspace);
      await ports.workspaces.addKey(id, 'configured', createHash('sha256').update(key).digest());
    }
  };
  const isFinal = (error: unknown) => !(error instanceof ChatError);
  waitFor(ports.clock, 'the directory, which is to know API_KEYS', register, signal, isFinal).catch(
    (error: unknown) => {
      if (!signal.aborted) logger().error({ error }, 'API_KEYS could not be made known');
    },
  );
}

/** Only what nothing can be accepted without: with broker or Redis away, what is accepted waits in its row. */
async function readinessOf(runner: Runner, { databases }: Distributed): Promise<'ready' | ErrorCode> {
  if (runner.draining) return 'shutting_down';
  return databases.isReachable ? 'ready' : 'database_unavailable';
}
