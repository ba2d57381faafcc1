import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileTokenLog } from '../adapters/file/token-log.ts';
import { MemoryCache } from '../adapters/memory/cache.ts';
import { MemoryGenerationQueue } from '../adapters/memory/generation-queue.ts';
import { MemoryInboxes } from '../adapters/memory/inboxes.ts';
import { MemoryRateLimits } from '../adapters/memory/rate-limits.ts';
import { MemorySessions } from '../adapters/memory/sessions.ts';
import { MemoryTokenBudgets } from '../adapters/memory/token-budgets.ts';
import { MemoryWaitingLine } from '../adapters/memory/waiting-line.ts';
import { keepData } from '../adapters/postgres/keep-data.ts';
import type { LocalPostgres } from '../adapters/postgres/local-server.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import type { EmbeddedConfig } from '../config/config.ts';
import { finishDeletions } from '../core/delete-user.ts';
import { forgetTemporary } from '../core/forget-temporary.ts';
import { forgetTransient } from '../core/forget-transient.ts';
import { recoverStalled } from '../core/recover-stalled.ts';
import { Runner } from '../core/runner.ts';
import { Slots } from '../core/slots.ts';
import type { HttpPorts } from '../http/http.ts';
import { lockFolder } from '../lib/folder-lock.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { createLogger, setLogger } from '../telemetry/logger.ts';
import { collectProcessMetrics } from '../telemetry/metrics.ts';
import { consume } from '../worker/consume.ts';
import { withAddedModels } from './added-models.ts';
import { registerKeys } from './api-keys.ts';
import { checkHealth, pingDatabase } from './health.ts';
import { listen } from './listen.ts';
import { openDataFolder, startDatabase } from './local-data.ts';
import { openInference } from './open-inference.ts';
import { openStore, type Store } from './open-store.ts';
import type { OpenInference } from './opened-inference.ts';
import { coreSettings } from './runner-settings.ts';
import { sendWebhooks } from './send-webhooks.ts';
import { printStartBlock } from './start-block.ts';
import { untilAborted } from './until-aborted.ts';
import { withWebhookSecret } from './webhook-secret.ts';

/** Nobody else goes on while this process leaves, so it hands over to its successor at once. */
const HAND_OVER_AFTER_MS = 0;

/**
 * Everything in one process, with two children: PostgreSQL and the model. Resolves when `signal` has been
 * obeyed: unfinished answers are handed over to the next start.
 */
export async function runEmbedded(config: EmbeddedConfig, signal: AbortSignal): Promise<void> {
  setLogger(createLogger(config.log.level, config.log.format));
  collectProcessMetrics();
  const settings = coreSettings(config, true);
  await using stack = new AsyncDisposableStack();
  const clock = new SystemClock();
  await openDataFolder(config);
  stack.use(await lockFolder(config.dataDir, 'chatterbot.lock', signal));
  const database = stack.use(await startDatabase(config, signal));
  const store = await openStore(database.connectionOptions, config, { clock, onlyOwner: true }, stack);
  const { apiKey, operators } = await registerKeys(store.ports.workspaces, config);
  const webhooks = await withWebhookSecret(config);
  const base = stack.use(await openInference(config.inference, config.slots.total, signal));
  const model = stack.use(await withAddedModels(base, config));

  const queue = stack.use(new MemoryGenerationQueue({ clock }));
  const logFolder = join(config.dataDir, 'token-log');
  await mkdir(logFolder, { recursive: true, mode: 0o700 });
  const log = stack.use(new FileTokenLog({ folder: logFolder, clock, closedTtlMs: config.streams.logTtlMs }));
  const ports: HttpPorts & { inference: OpenInference['inference'] } = {
    clock,
    ...store.ports,
    queue,
    log,
    line: new MemoryWaitingLine(clock),
    inboxes: new MemoryInboxes(clock),
    cache: new MemoryCache({ clock, maxBytes: config.contextCacheBytes }),
    limits: new MemoryRateLimits(),
    budgets: new MemoryTokenBudgets(clock),
    sessions: new MemorySessions(clock),
    inference: model.inference,
  };
  const runner = stack.use(new Runner(ports, settings.runner, `embedded-${clock.newId()}`, new Slots(settings.slots)));
  await runner.start();

  const http = await listen(
    {
      ports,
      runner,
      accept: settings.accept,
      stop: settings.stop,
      follow: settings.follow,
      health: () => checkHealth({ ...ports, db: store.db }, backendsOf(database, model)),
      readiness: () => readinessOf(runner, store.db),
      operator: { keys: operators, endpoints: model.endpoints, localModels: model.localModels },
    },
    { ...config, webhooks },
  );
  const consumers = await consume(queue, runner);
  const sweeping = new AbortController();
  const swept = Promise.all([
    recoverStalled(ports, settings.recover, runner, sweeping.signal),
    finishDeletions(ports, settings.stop, sweeping.signal),
    forgetTransient(ports, settings.forget, sweeping.signal),
    forgetTemporary(ports, settings.forgetTemporary, sweeping.signal),
    sendWebhooks({ clock, webhooks: store.ports.webhooks }, webhooks, sweeping.signal),
  ]);
  stack.use(keepData(store.shards, config.data));
  printStartBlock({ config, address: http.address, apiKey, model, database });

  await untilAborted(signal);
  sweeping.abort();
  await consumers[Symbol.asyncDispose]();
  await Promise.all([runner.drain(HAND_OVER_AFTER_MS), http.close(), swept]);
}

async function readinessOf(runner: Runner, db: Store['db']): Promise<'ready' | ErrorCode> {
  if (runner.draining) return 'shutting_down';
  return await pingDatabase(db).then(
    () => 'ready' as const,
    () => 'database_unavailable' as const,
  );
}

function backendsOf(database: LocalPostgres, model: OpenInference) {
  return {
    ray_serve: `${model.backend}, ${model.describe()}`,
    redis: 'files of the data folder and memory of this process',
    database: `PostgreSQL ${database.version} in a child process`,
    rabbitmq: 'lanes in this process, refilled from the database at start',
  };
}
