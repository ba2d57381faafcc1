import { backoffMs } from '../lib/backoff.ts';
import type { Generation, GenerationId, GenerationJob, OwnerId } from '../ports/generations.ts';
import { ChatError, type ErrorCode } from '../protocol/errors.ts';
import { leaseLost, portFailed } from '../telemetry/events.ts';
import { AnswerFlusher } from './answer-flusher.ts';
import { dispatch, jobOf } from './dispatch.ts';
import type { Sweeping } from './recover-stalled.ts';
import type { Host, Interruption, RunEnd, RunnerPorts, RunnerSettings, Running } from './run.ts';
import { runGeneration } from './run-generation.ts';
import type { Slots } from './slots.ts';

const AWAY: ReadonlySet<ErrorCode> = new Set(['state_unavailable', 'database_unavailable', 'queue_unavailable']);
/** What waits for a backend is looked at again within seconds of its return, however long it was away. */
const AWAY_DELAY_MAX_MS = 4_000;

/**
 * Everything one process runs: its identity as an owner, its slots, the heartbeat for all of its
 * generations, and the one flusher of their answers.
 */
export class Runner implements Host, Sweeping, AsyncDisposable {
  readonly ports: RunnerPorts;
  readonly settings: RunnerSettings;
  readonly owner: OwnerId;
  readonly slots: Slots;
  readonly flusher: AnswerFlusher;
  readonly #running = new Map<GenerationId, Running>();
  readonly #life = new AbortController();
  readonly #resources = new AsyncDisposableStack();
  #draining = false;

  constructor(ports: RunnerPorts, settings: RunnerSettings, owner: OwnerId, slots: Slots) {
    this.ports = ports;
    this.settings = settings;
    this.owner = owner;
    this.slots = slots;
    this.flusher = new AnswerFlusher(ports, settings.flush);
  }

  /** Declares the process alive, listens to its inbox and starts the heartbeat. */
  async start(): Promise<void> {
    await using taken = new AsyncDisposableStack();
    taken.use(await this.ports.generations.own(this.owner));
    taken.use(await this.ports.inboxes.listen(this.owner, async ({ id }) => this.#interrupt(id, 'stop')));
    this.#resources.use(taken.move());
    void this.#beat();
  }

  get running(): number {
    return this.#running.size;
  }

  /** Runs a job in a slot that the caller took; gives the slot back. Never rejects. */
  async run(job: GenerationJob, giveBack: () => void, givenUp: string | null = null): Promise<RunEnd> {
    const running: Running = { abort: new AbortController(), held: null, ended: Promise.withResolvers(), givenUp };
    if (this.#running.has(job.id)) {
      giveBack();
      return { kind: 'settled' };
    }
    this.#running.set(job.id, running);
    try {
      return await runGeneration(this, job, running);
    } catch (error) {
      portFailed({ port: 'generations', operation: 'run', generation: job.id, error });
      return { kind: 'again', delayMs: await this.#letGo(running, error) };
    } finally {
      this.#running.delete(job.id);
      if (running.held && running.abort.signal.reason === 'lost') leaseLost({ generation: job.id, owner: this.owner });
      running.ended.resolve();
      giveBack();
    }
  }

  /** The queue has given a job up: it becomes a dead letter with that reason. Rejects where that is not done yet. */
  async giveUp(job: GenerationJob, reason: string): Promise<void> {
    const end = await this.run(job, () => {}, reason);
    if (end.kind === 'again') throw new Error(`generation ${job.id} cannot be given up yet`);
  }

  /**
   * Starts an accepted generation in this process, past the queue. False where no slot is free, others
   * wait in its lane, or the process is leaving: it then goes through its lane.
   */
  async tryDirect(generation: Generation): Promise<boolean> {
    if (this.#draining) return false;
    const { drawn, served } = await this.ports.line.look(generation.lane);
    const giveBack = drawn > served ? null : this.slots.take(generation.lane);
    if (!giveBack) return false;
    void this.run(jobOf(generation), giveBack).then(async (end) => {
      if (end.kind === 'again') await this.sendThroughLane(jobOf(generation));
    });
    return true;
  }

  get room(): number {
    return this.#draining ? 0 : this.slots.startable('stream');
  }

  /** Runs a job that stands still, past the queue; its row says how it went. False where no slot of its lane is free. */
  takeUp(job: GenerationJob): boolean {
    const giveBack = this.#draining || this.#running.has(job.id) ? null : this.slots.take(job.lane);
    if (!giveBack) return false;
    void this.run(job, giveBack);
    return true;
  }

  /** Never rejects: a direct generation that nobody claimed is found by the sweeper. */
  async sendThroughLane(job: GenerationJob): Promise<void> {
    const { outbox } = this.ports;
    const { perUser } = this.settings.dispatch;
    const window = { stream: perUser, chat: perUser, batch: perUser };
    try {
      await dispatch(this.ports, await outbox.makeIndirect(job, window));
    } catch (error) {
      portFailed({ port: 'outbox', operation: 'makeIndirect', generation: job.id, error });
    }
  }

  /** Starts nothing more, and hands over what does not end within `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const all = () => Promise.all([...this.#running.values()].map((each) => each.ended.promise));
    const patience = new AbortController();
    await Promise.race([all(), this.ports.clock.sleep(graceMs, patience.signal).catch(() => {})]);
    patience.abort();
    for (const id of this.#running.keys()) this.#interrupt(id, 'drain');
    await all();
  }

  get draining(): boolean {
    return this.#draining;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#resources.disposeAsync();
  }

  /**
   * A port failed under it: free for anybody after the delay that is returned, not only when its lease has run out.
   * A backend that is away, or full, is no attempt of the generation: it waits, more patiently each time.
   */
  async #letGo({ held }: Running, error: unknown): Promise<number> {
    const { retryDelayMs } = this.settings;
    if (!held) return retryDelayMs;
    const isAway = error instanceof ChatError && AWAY.has(error.code);
    const delayMs = isAway
      ? backoffMs(held.epoch, retryDelayMs, Math.max(retryDelayMs, AWAY_DELAY_MAX_MS), this.ports.clock.random())
      : retryDelayMs;
    const how = { delayMs, countAttempt: !isAway, error: isAway ? error.code : 'a backend failed' };
    await this.ports.generations.release(held, this.owner, how).catch((failure: unknown) => {
      portFailed({ port: 'generations', operation: 'release', generation: held.id, error: failure });
    });
    return delayMs;
  }

  #interrupt(id: GenerationId, why: Interruption): boolean {
    const running = this.#running.get(id);
    running?.abort.abort(why);
    return running !== undefined;
  }

  /** One statement a shard for all of them, every third of the lease. */
  async #beat(): Promise<void> {
    const { clock, generations } = this.ports;
    while (!this.#life.signal.aborted) {
      try {
        await clock.sleep(this.settings.leaseMs / 3, this.#life.signal);
        const held = [...this.#running.values()].flatMap((each) => (each.held ? [each.held] : []));
        if (held.length === 0) continue;
        for (const [id, outcome] of await generations.heartbeat(this.owner, held)) {
          if (outcome !== 'held') this.#interruptEpoch(id, held.find((each) => each.id === id)?.epoch, outcome);
        }
      } catch (error) {
        if (!this.#life.signal.aborted) portFailed({ port: 'generations', operation: 'heartbeat', error });
      }
    }
  }

  /** Only the run that the heartbeat spoke of: it may have ended, or gone on at another epoch, meanwhile. */
  #interruptEpoch(id: GenerationId, epoch: number | undefined, why: Interruption): void {
    if (this.#running.get(id)?.held?.epoch === epoch) this.#interrupt(id, why);
  }
}
