import { createHash } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { MemoryCache } from '../../src/adapters/memory/cache.ts';
import { MemoryConversations } from '../../src/adapters/memory/conversations.ts';
import { MemoryDatabase } from '../../src/adapters/memory/database.ts';
import { MemoryDeadLetters } from '../../src/adapters/memory/dead-letters.ts';
import { MemoryDirectory } from '../../src/adapters/memory/directory.ts';
import { MemoryGenerationQueue } from '../../src/adapters/memory/generation-queue.ts';
import { MemoryGenerations } from '../../src/adapters/memory/generations.ts';
import { MemoryInboxes } from '../../src/adapters/memory/inboxes.ts';
import { MemoryOutbox } from '../../src/adapters/memory/outbox.ts';
import { MemoryRateLimits } from '../../src/adapters/memory/rate-limits.ts';
import { MemorySessions } from '../../src/adapters/memory/sessions.ts';
import { MemoryTokenBudgets } from '../../src/adapters/memory/token-budgets.ts';
import { MemoryTokenLog } from '../../src/adapters/memory/token-log.ts';
import { MemoryUsageReports } from '../../src/adapters/memory/usage-reports.ts';
import { MemoryUserDeletions } from '../../src/adapters/memory/user-deletions.ts';
import { MemoryUserItems } from '../../src/adapters/memory/user-items.ts';
import { MemoryWaitingLine } from '../../src/adapters/memory/waiting-line.ts';
import { MemoryWorkspaces } from '../../src/adapters/memory/workspaces.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { recoverStalled } from '../../src/core/recover-stalled.ts';
import type { AnswerCacheSettings, RunnerSettings, SummarySettings } from '../../src/core/run.ts';
import { Runner } from '../../src/core/runner.ts';
import { Slots } from '../../src/core/slots.ts';
import type { HttpDeps, HttpPorts } from '../../src/http/http.ts';
import type { HttpOptions } from '../../src/http/http-options.ts';
import { createHttpServer } from '../../src/http/server.ts';
import type { Inference } from '../../src/ports/inference.ts';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { consume } from '../../src/worker/consume.ts';
import { ScriptedInference } from './scripted-inference.ts';

export const KEY = 'key-of-the-default-workspace';
export const OTHER_KEY = 'key-of-another-workspace';
const DISPATCH = { perUser: 2, alone: 100 };

type Overrides = {
  options?: Partial<HttpOptions>;
  deps?: Partial<HttpDeps>;
  inference?: Inference;
  slots?: number;
  /** The port to listen on; a free one where absent. */
  port?: number;
  maxWaitingPerUser?: number;
  maxWaitSeconds?: number;
  answerCache?: AnswerCacheSettings;
  summary?: SummarySettings;
  /** Looks for what stands still: what is tried again after a failure then is. */
  sweeps?: boolean;
  runner?: Partial<RunnerSettings>;
  ports?: (ports: HttpPorts) => Partial<HttpPorts>;
};

/** The real HTTP server and core on a port of its own, over the in-memory adapters and a scripted model. */
export async function startMemoryStack(overrides: Overrides = {}) {
  const clock = new SystemClock();
  const database = new MemoryDatabase({ leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 1000 }, () => clock.now());
  const inference = overrides.inference ?? new ScriptedInference();
  const base = {
    clock,
    inference,
    directory: new MemoryDirectory(database),
    workspaces: new MemoryWorkspaces(database),
    generations: new MemoryGenerations(database),
    outbox: new MemoryOutbox(database),
    deadLetters: new MemoryDeadLetters(database),
    conversations: new MemoryConversations(database),
    queue: new MemoryGenerationQueue({ clock }),
    line: new MemoryWaitingLine(clock),
    log: new MemoryTokenLog(),
    inboxes: new MemoryInboxes(clock),
    cache: new MemoryCache({ clock }),
    limits: new MemoryRateLimits(),
    budgets: new MemoryTokenBudgets(clock),
    sessions: new MemorySessions(clock),
    deletions: new MemoryUserDeletions(database),
    usage: new MemoryUsageReports(database),
    items: new MemoryUserItems(database),
  };
  const ports = { ...base, ...overrides.ports?.(base) };
  const settings = {
    dispatch: DISPATCH,
    flush: { windowMs: 1, windowMaxMs: 10 },
    context: { historyMessages: 50, contextTtlMs: 60_000 },
    answerCache: overrides.answerCache ?? null,
    summary: overrides.summary ?? null,
    titles: true,
    leaseMs: 15_000,
    maxAttempts: 2,
    maxTakeovers: 3,
    retryDelayMs: 5,
    retryDelayMaxMs: 10,
    ...overrides.runner,
  };
  const slots = new Slots({ total: overrides.slots ?? 8, reserve: { stream: 0, chat: 0, batch: 0 } });
  const runner = new Runner(base, settings, clock.newId(), slots);
  await runner.start();
  const consumer = await consume(base.queue, runner);
  const sweeping = new AbortController();
  if (overrides.sweeps) void recoverStalled(base, SWEEP, runner, sweeping.signal);
  for (const [name, key] of [
    ['default', KEY],
    ['other', OTHER_KEY],
  ] as const) {
    const workspace = await base.workspaces.ensure(name);
    await base.workspaces.addKey(workspace.id, 'test', createHash('sha256').update(key).digest());
  }
  const app = await createHttpServer(
    {
      ports,
      runner,
      accept: {
        dispatch: DISPATCH,
        maxWaitingPerUser: overrides.maxWaitingPerUser ?? 1000,
        maxWaiting: 10_000,
        maxWaitSeconds: overrides.maxWaitSeconds ?? Number.POSITIVE_INFINITY,
        historyMessages: 50,
        budgetHoldMs: 60_000,
      },
      stop: { dispatch: DISPATCH, stopAckTimeoutMs: 250 },
      follow: { watchdogMs: 3000, maxBufferedBytes: 64 * 1024 },
      health: async () => HEALTHY,
      readiness: async () => 'ready',
      operator: null,
      ...overrides.deps,
    },
    { ...OPTIONS, ...overrides.options },
  );
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await app.listen({ host: '127.0.0.1', port: overrides.port ?? 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    app,
    ports,
    runner,
    inference,
    port,
    /** The server's side of every open connection. */
    sockets: () => [...sockets],
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      sweeping.abort();
      await app.close();
      await consumer[Symbol.asyncDispose]();
      await runner.drain(0);
      await runner[Symbol.asyncDispose]();
      await base.queue[Symbol.asyncDispose]();
    },
  };
}
export type MemoryStack = Awaited<ReturnType<typeof startMemoryStack>>;

const SWEEP = {
  dispatch: DISPATCH,
  intervalMs: 10,
  batch: 1000,
  unconfirmedAfterMs: 2000,
  unclaimedAfterMs: 5000,
  queueLostAtStart: false,
};

const HEALTHY = {
  components: { ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' },
  backends: { ray_serve: 'script', redis: 'memory', database: 'memory', rabbitmq: 'memory' },
  detail: null,
} as const;

const OPTIONS: HttpOptions = {
  version: '0.0.0',
  host: '127.0.0.1',
  publicUrl: null,
  trustedProxies: [],
  localUser: true,
  page: null,
  requestLimits: DEFAULT_REQUEST_LIMITS,
  maxBodyBytes: 262_144,
  maxImportBytes: 1_048_576,
  requestTimeoutMs: 30_000,
  chatPerMinute: 1000,
  requestsPerMinute: 10_000,
  maxStreamsPerUser: 50,
  syncTimeoutMs: 20_000,
  heartbeatMs: 15_000,
  webhooks: null,
};
