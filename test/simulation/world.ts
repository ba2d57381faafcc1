import { MemoryCache } from '../../src/adapters/memory/cache.ts';
import { MemoryGenerationQueue } from '../../src/adapters/memory/generation-queue.ts';
import { MemoryInboxes } from '../../src/adapters/memory/inboxes.ts';
import { MemoryRoutes } from '../../src/adapters/memory/routes.ts';
import { MemoryTokenBudgets } from '../../src/adapters/memory/token-budgets.ts';
import { MemoryWaitingLine } from '../../src/adapters/memory/waiting-line.ts';
import type { AcceptLimits, AcceptPorts } from '../../src/core/accept-message.ts';
import type { FollowSettings } from '../../src/core/follow-generation.ts';
import { recoverStalled } from '../../src/core/recover-stalled.ts';
import type { RunnerPorts, RunnerSettings } from '../../src/core/run.ts';
import { Runner } from '../../src/core/runner.ts';
import { Slots } from '../../src/core/slots.ts';
import type { Cache } from '../../src/ports/cache.ts';
import type { Routes } from '../../src/ports/routes.ts';
import type { Append } from '../../src/ports/token-log.ts';
import { consume } from '../../src/worker/consume.ts';
import { Answers } from './answers.ts';
import { reachLog, SimulatedLogNode } from './log-nodes.ts';
import { type Letters, type Line, reachInboxes, reachLine } from './reach.ts';
import type { Rule } from './rules.ts';
import { Scheduler } from './scheduler.ts';
import { type ReachedShards, reachShards } from './shards/reach-shards.ts';
import { ShardedGenerations } from './shards/sharded-generations.ts';
import { ShardedDirectory, ShardedOutbox, shardedConversations } from './shards/sharded-store.ts';
import { SimulatedDirectory } from './shards/simulated-directory.ts';
import { keepMoves } from './shards/simulated-moves.ts';
import { SimulatedShard } from './shards/simulated-shard.ts';
import { Witness } from './shards/witness.ts';
import { reachBroker, SimulatedBroker } from './simulated-broker.ts';
import { type InferenceFaults, simulatedInference } from './simulated-inference.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { Reader } from './simulated-reader.ts';

export type Api = { process: SimulatedProcess; ports: RunnerPorts & AcceptPorts; runner: Runner };
export type Worker = { process: SimulatedProcess; runner: Runner; leave: () => Promise<void> };

const LEASE_MS = 15_000;
const SLOTS = 8;
const SHARDS = 3;
const LOG_NODES = 3;
/** Of the clocks of two shards, at most. */
const CLOCK_SKEW_MS = 30_000;
/**
 * An owner whose inbox is not heard finds a stop at its next heartbeat; one that fails is followed by the next.
 * An owner that is awake and has not found it after four of them does not look.
 */
const STOP_UNHEARD_MS = (4 * LEASE_MS) / 3;
/** Until a worker that leaves hands over what it runs, at most. */
const DRAIN_MS = 5_000;
const BEGINNING = 1_000_000_000_000;

/** One deployment: the backends, shared, and processes that run `core/` on them. */
export class World {
  readonly scheduler: Scheduler;
  readonly witness: Witness;
  readonly answers = new Answers();
  readonly shards: readonly SimulatedShard[];
  readonly directory: SimulatedDirectory;
  readonly logNodes = Array.from({ length: LOG_NODES }, (_, id) => new SimulatedLogNode(id));
  readonly broker: SimulatedBroker;
  readonly letters: Letters;
  readonly line: Line;
  readonly inferenceFaults: InferenceFaults = { breaks: 0, continues: true, down: false };
  readonly readers: Reader[] = [];
  readonly apis: Api[] = [];
  readonly workers: Worker[] = [];
  /** How often each fault came. */
  readonly faults: Record<string, number> = {};
  /** People's own devices: never faulty. */
  readonly client;
  readonly followSettings: FollowSettings;
  readonly limits: AcceptLimits;
  readonly leaseMs = LEASE_MS;
  readonly workspaceId = 'workspace';
  hadFaults = false;
  readonly #without: Rule | undefined;
  readonly #runnerSettings: RunnerSettings;
  #routes: Routes;
  #cache: Cache;
  #born = 0;
  #serial = 0;

  constructor(seed: number, without?: Rule) {
    this.#without = without;
    this.followSettings = { watchdogMs: without === 'watchdog' ? 1e9 : 3_000, maxBufferedBytes: 512 };
    this.scheduler = new Scheduler(seed);
    const now = () => this.scheduler.now;
    this.client = new SimulatedProcess('outside', this.scheduler).clock(() => this.#newId());
    this.witness = new Witness(now, SLOTS, (id) => this.answers.takenOver(id));
    const timings = { leaseMs: LEASE_MS, trustAfterMs: 3_000, sweepBackoffMs: 2_000 };
    this.shards = Array.from({ length: SHARDS }, (_, id) => {
      const ahead = this.scheduler.between(0, CLOCK_SKEW_MS);
      return new SimulatedShard({ id, timings, now: () => now() + BEGINNING + ahead, without }, this.witness);
    });
    this.witness.watch(this.shards);
    this.directory = new SimulatedDirectory(now);
    this.broker = new SimulatedBroker(new MemoryGenerationQueue({ clock: this.client }), this.scheduler, this.client);
    this.letters = { inboxes: new MemoryInboxes(this.client), lost: 0, isDown: false };
    this.line = { current: new MemoryWaitingLine(this.client), isDown: false };
    this.#routes = new MemoryRoutes(this.client);
    this.#cache = new MemoryCache({ clock: this.client });
    const dispatch = { perUser: 2, alone: SLOTS };
    this.limits = {
      dispatch,
      maxWaitingPerUser: 5_000,
      maxWaiting: 100_000,
      maxWaitSeconds: Number.POSITIVE_INFINITY,
      historyMessages: 50,
      budgetHoldMs: 60_000,
    };
    this.#runnerSettings = {
      dispatch,
      flush: { windowMs: 25, windowMaxMs: 250 },
      context: { historyMessages: 50, contextTtlMs: 600_000 },
      answerCache: null,
      summary: null,
      titles: false,
      leaseMs: LEASE_MS,
      maxAttempts: 20,
      maxTakeovers: 1000,
      retryDelayMs: 200,
      retryDelayMaxMs: 5_000,
    };
  }

  async start(apis: number, workers: number): Promise<void> {
    for (let index = 0; index < apis; index++) this.apis.push(await this.#startApi());
    for (let index = 0; index < workers; index++) this.workers.push(await this.#startWorker());
  }

  anyApi(): Api | null {
    const alive = this.apis.filter((api) => api.process.alive);
    return alive.length === 0 ? null : this.scheduler.pick(alive);
  }

  count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  killApi(index: number): void {
    this.apis[index]!.process.kill();
    this.#afterRestart(1_000, async () => {
      this.apis[index] = await this.#startApi();
    });
  }

  killWorker(index: number): void {
    this.workers[index]!.process.kill();
    this.#afterRestart(1_500, async () => {
      this.workers[index] = await this.#startWorker();
    });
  }

  /** As SIGTERM does: it takes nothing more, finishes what it can, and hands over the rest. */
  drainWorker(index: number): void {
    const worker = this.workers[index]!;
    void worker.leave().then(() => {
      if (this.workers[index] === worker) this.killWorker(index);
    });
  }

  #afterRestart(mostMs: number, start: () => Promise<void>): void {
    this.scheduler.after(this.scheduler.between(100, mostMs), () => void start());
  }

  /** A process that moves users, and its view of the shards. */
  newMover(): ReachedShards {
    return reachShards(this.#newProcess('mover'), this.shards, this.directory);
  }

  loseRoutes(): void {
    this.#routes = new MemoryRoutes(this.client);
  }

  loseCache(): void {
    this.#cache = new MemoryCache({ clock: this.client });
  }

  loseLine(): void {
    this.line.current = new MemoryWaitingLine(this.client);
  }

  async #startApi(): Promise<Api> {
    const process = this.#newProcess('api');
    const ports = this.#portsOf(process, reachShards(process, this.shards, this.directory));
    const runner = await this.#startRunner(process, ports);
    return { process, ports, runner };
  }

  async #startWorker(): Promise<Worker> {
    const process = this.#newProcess('worker');
    const shards = reachShards(process, this.shards, this.directory);
    const ports = this.#portsOf(process, shards);
    const runner = await this.#startRunner(process, ports);
    const sweeping = new AbortController();
    const consuming = this.#consumeWhenUp(process, ports, runner);
    const leave = async () => {
      sweeping.abort(new Error('leaving'));
      const consumers = await consuming;
      await consumers[Symbol.asyncDispose]();
      await runner.drain(this.scheduler.between(0, DRAIN_MS));
    };
    const never = 1e9;
    const sweeper = {
      dispatch: this.#runnerSettings.dispatch,
      intervalMs: 1_000,
      batch: 200,
      unconfirmedAfterMs: this.#without === 'republish-unconfirmed' ? never : 2_000,
      unclaimedAfterMs: this.#without === 'republish-unclaimed' ? never : 5_000,
      queueLostAtStart: false,
    };
    if (this.#without !== 'sweeper') void recoverStalled(ports, sweeper, runner, sweeping.signal);
    if (this.#without !== 'resume-moves') void keepMoves(shards);
    return { process, runner, leave };
  }

  /** A worker starts in any order with its broker. */
  async #consumeWhenUp(process: SimulatedProcess, ports: RunnerPorts, runner: Runner): Promise<AsyncDisposable> {
    for (;;) {
      try {
        return await consume(ports.queue, runner);
      } catch {
        await process.step(200);
      }
    }
  }

  async #startRunner(process: SimulatedProcess, ports: RunnerPorts): Promise<Runner> {
    const slots = new Slots({ total: SLOTS, reserve: { stream: 4, chat: 2, batch: 2 } });
    const runner = new Runner(ports, this.#runnerSettings, `${process.name}-${this.#newId()}`, slots);
    for (;;) {
      try {
        await runner.start();
        return runner;
      } catch {
        await process.step(200);
      }
    }
  }

  #newProcess(kind: string): SimulatedProcess {
    this.#born += 1;
    return new SimulatedProcess(`${kind}-${this.#born}`, this.scheduler);
  }

  #portsOf(process: SimulatedProcess, shards: ReachedShards): Api['ports'] {
    const clock = process.clock(() => this.#newId());
    const routes = process.remote<Routes>({
      put: (...args) => this.#routes.put(...args),
      get: (id) => this.#routes.get(id),
    });
    return {
      clock,
      directory: new ShardedDirectory(shards),
      generations: new ShardedGenerations(shards, routes, this.#without),
      outbox: new ShardedOutbox(shards, routes),
      conversations: shardedConversations(shards),
      queue: reachBroker(process, this.scheduler, this.broker),
      line: reachLine(process, this.line),
      log: reachLog(process, this.logNodes, {
        without: this.#without,
        onAppended: (append) => this.#logged(append, process),
        onWrong: ({ id, epoch }, what) => this.witness.note(`${id}: its log of epoch ${epoch} ${what}`),
      }),
      inboxes: reachInboxes(process, this.letters),
      cache: process.remote<Cache>({
        get: (key) => this.#cache.get(key),
        set: (...args) => this.#cache.set(...args),
        add: (...args) => this.#cache.add(...args),
        delete: (key) => this.#cache.delete(key),
      }),
      budgets: new MemoryTokenBudgets(clock),
      usage: { read: async () => [], countEmbedding: async () => {} },
      inference: simulatedInference(this.scheduler, clock, this.inferenceFaults),
    };
  }

  #logged({ id, epoch, at, text, reasoning }: Append, { awakeSince }: SimulatedProcess): void {
    if (text.length + reasoning.length === 0) return;
    const { now } = this.scheduler;
    this.answers.logged(id, epoch, at.text + text.length, now);
    const stoppedAt = this.witness.stopMarkedAt.get(id);
    if (stoppedAt === undefined || this.witness.settledAt.has(id)) return;
    const afterMs = now - Math.max(stoppedAt, awakeSince);
    this.answers.writtenAfterStopMs = Math.max(this.answers.writtenAfterStopMs, afterMs);
    if (afterMs > STOP_UNHEARD_MS) this.witness.note(`${id} is written on ${afterMs} ms after it was stopped`);
  }

  /** Ordered by time, as UUIDv7 is. */
  #newId(): string {
    this.#serial += 1;
    const time = (this.scheduler.now + BEGINNING).toString(16).padStart(12, '0');
    const serial = this.#serial.toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${serial}`;
  }
}
