import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { MemoryConversations } from '../../src/adapters/memory/conversations.ts';
import { MemoryDatabase } from '../../src/adapters/memory/database.ts';
import { MemoryDeadLetters } from '../../src/adapters/memory/dead-letters.ts';
import { MemoryDirectory } from '../../src/adapters/memory/directory.ts';
import { MemoryGenerations } from '../../src/adapters/memory/generations.ts';
import { MemoryOutbox } from '../../src/adapters/memory/outbox.ts';
import { MemoryWorkspaces } from '../../src/adapters/memory/workspaces.ts';
import type {
  Answer,
  DispatchWindow,
  Generation,
  GenerationJob,
  Held,
  OwnerId,
  UserId,
} from '../../src/ports/generations.ts';
import { isTerminal } from '../../src/protocol/generation.ts';

export const PEOPLE = 2;
export const PROCESSES = 3;
const WINDOW: DispatchWindow = { stream: 2, chat: 2, batch: 2 };
const TIMES = { leaseMs: 15_000, trustAfterMs: 3_000, sweepBackoffMs: 2_000 };
const AGES = { unconfirmedAfterMs: 2_000, unclaimedAfterMs: 10_000 };

export type Step =
  | { kind: 'ask'; person: number; into: number; direct: boolean }
  | { kind: 'claim'; process: number; pick: number }
  | { kind: 'heartbeat'; process: number }
  | { kind: 'finish'; process: number; pick: number; failed: boolean }
  | { kind: 'release'; process: number; pick: number; delayMs: number }
  | { kind: 'drain'; process: number; pick: number }
  | { kind: 'raise'; process: number; pick: number; above: number }
  | { kind: 'stop'; pick: number }
  | { kind: 'dispatch'; person: number }
  | { kind: 'sweep'; process: number; queueLost: boolean }
  | { kind: 'kill'; process: number; noticedAfterMs: number }
  | { kind: 'restart'; retakenAfterMs: number }
  | { kind: 'replay'; pick: number }
  | { kind: 'remove'; person: number; pick: number }
  | { kind: 'advance'; ms: number };

type Process = {
  owner: OwnerId;
  alive: boolean /** All it ever held: a process may be wrong about what it holds. */;
  held: Held[];
};

/** What the test knows of a generation from the answers that it was given, apart from the store. */
type Known = {
  job: GenerationJob;
  number: number;
  epoch: number;
  holder: OwnerId | null;
  renewedAt: number;
  terminal: Generation | null;
  text: string | null;
};

/**
 * Several processes on one in-memory store, taking arbitrary steps. It checks the answers against
 * what it knows, and the store against the guarantees of the port.
 */
export class GenerationWorld {
  #now = 1_000_000;
  #ids = 0;
  #upSince = Number.NEGATIVE_INFINITY;
  readonly #database = new MemoryDatabase(TIMES, () => this.#now);
  readonly #generations = new MemoryGenerations(this.#database);
  readonly #outbox = new MemoryOutbox(this.#database);
  readonly #conversations = new MemoryConversations(this.#database);
  readonly #deadLetters = new MemoryDeadLetters(this.#database);
  readonly #people: UserId[] = [];
  #workspaceId = '';
  #processes: Process[] = [];
  readonly #known = new Map<string, Known>();
  readonly #removed = new Set<string>();

  static async make(): Promise<GenerationWorld> {
    const world = new GenerationWorld();
    const workspace = await new MemoryWorkspaces(world.#database).ensure('default');
    const directory = new MemoryDirectory(world.#database);
    world.#workspaceId = workspace.id;
    for (let person = 0; person < PEOPLE; person++) {
      world.#people.push(await directory.ensureUser(workspace.id, `person ${person}`));
    }
    for (let process = 0; process < PROCESSES; process++) world.#processes.push(await world.#start());
    return world;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'ask':
        return this.#ask(step);
      case 'claim': {
        const known = this.#pick(step.pick);
        return known && this.#claim(known, this.#processes[step.process]!);
      }
      case 'heartbeat':
        return this.#heartbeat(this.#processes[step.process]!);
      case 'finish':
      case 'release':
      case 'drain':
      case 'raise':
        return this.#asHolder(step);
      case 'stop': {
        const known = this.#pick(step.pick);
        return known && this.#stop(known);
      }
      case 'dispatch':
        return this.#handedOut(await this.#outbox.dispatchNext(this.#people[step.person]!, WINDOW));
      case 'sweep':
        return this.#sweep(this.#processes[step.process]!, step.queueLost);
      case 'kill':
        return this.#kill(step);
      case 'restart':
        this.#upSince = this.#now;
        return this.#database.restart(step.retakenAfterMs);
      case 'replay': {
        const known = this.#pick(step.pick);
        return known && this.#replay(known);
      }
      case 'remove':
        return this.#remove(this.#people[step.person]!, step.pick);
      case 'advance':
        this.#now += step.ms;
    }
  }

  /** The guarantees of the port, read from the store. */
  async check(): Promise<void> {
    const running = new Map<string, string>();
    for (const known of this.#known.values()) {
      const { job } = known;
      if (this.#removed.has(conversationKey(job.userId, known.number))) continue;
      const row = await this.#generations.find(job.id);
      ok(row, 'an accepted generation is never lost');
      strictEqual(row.epoch, known.epoch, 'only claims and raises change the epoch');
      strictEqual(row.state === 'running', known.holder !== null);
      const messages = await this.#conversations.all(job.userId, known.number);
      const answers = messages!.filter((message) => message.id === job.id);
      strictEqual(answers.length, known.terminal ? 1 : 0, 'one message, exactly when it has ended');
      if (known.terminal) {
        deepStrictEqual(row, known.terminal, 'an end is final');
        strictEqual(answers[0]!.content, known.text);
        strictEqual(answers[0]!.parentId, row.requestMessageId);
      }
      if (row.state !== 'running') continue;
      strictEqual(row.owner, known.holder);
      const key = conversationKey(job.userId, known.number);
      const question = running.get(key) ?? row.requestMessageId;
      strictEqual(row.requestMessageId, question, 'one question of a conversation is answered at a time');
      running.set(key, question);
    }
  }

  /** One living process that sweeps, claims and finishes brings everything to its end, whatever happened. */
  async recover(): Promise<void> {
    const owner = `rescuer ${this.#nextId()}`;
    await this.#generations.own(owner);
    const rescuer: Process = { owner, alive: true, held: [] };
    for (let round = 0; [...this.#known.values()].some((known) => !known.terminal); round++) {
      ok(round < 200, 'something is stuck');
      this.#now += 5_000;
      const swept = await this.#outbox.sweep({ owner, limit: 1_000, ...AGES, queueLost: false });
      const jobs = [...swept.stalled];
      for (const userId of swept.waitingUsers) jobs.push(...(await this.#outbox.dispatchNext(userId, WINDOW)));
      for (let job = jobs.shift(); job; job = jobs.shift()) {
        const known = this.#known.get(job.id)!;
        await this.#claim(known, rescuer);
        const held = rescuer.held.pop();
        if (held) jobs.push(...(await this.#finish(known, held, rescuer, false)));
      }
    }
  }

  async #start(): Promise<Process> {
    const owner = `process ${this.#nextId()}`;
    await this.#generations.own(owner);
    return { owner, alive: true, held: [] };
  }

  #nextId(): string {
    this.#ids += 1;
    return `00000000-0000-7000-9000-${String(this.#ids).padStart(12, '0')}`;
  }

  #pick(pick: number): Known | undefined {
    const all = [...this.#known.values()];
    return all[pick % Math.max(1, all.length)];
  }

  async #ask({ person, into, direct }: Extract<Step, { kind: 'ask' }>): Promise<void> {
    const userId = this.#people[person]!;
    const { items } = await this.#conversations.list(userId, { limit: 100 });
    const target = into % 2 === 0 ? items[(into / 2) % Math.max(1, items.length)] : undefined;
    const accepted = await this.#outbox.accept({
      workspaceId: this.#workspaceId,
      userId,
      conversation: target ? { number: target.number } : { newId: this.#nextId(), title: 'A talk' },
      request: { kind: 'message', id: this.#nextId(), content: 'Well?' },
      generationId: this.#nextId(),
      lane: 'chat',
      direct,
      params: { maxTokens: 16 },
      window: WINDOW,
      maxWaiting: 1_000,
      positionAtArrival: null,
    });
    const { id, lane, conversationNumber } = accepted.generation;
    this.#known.set(id, {
      job: { id, userId, lane },
      number: conversationNumber,
      epoch: 0,
      holder: null,
      renewedAt: 0,
      terminal: null,
      text: null,
    });
    await this.#handedOut(accepted.dispatched);
  }

  async #claim(known: Known, process: Process): Promise<void> {
    const outcome = await this.#generations.claim(known.job, process.owner);
    if (outcome.kind === 'terminal') ok(known.terminal);
    if (outcome.kind === 'owned') strictEqual(outcome.owner, known.holder);
    if (outcome.kind !== 'claimed') return;
    ok(!known.terminal, 'what has ended is never claimed');
    ok(outcome.generation.epoch > known.epoch, 'the epoch grows with each claim');
    // Its own holder may have it again: that one asks only for what it does not run.
    if (known.holder !== null && known.holder !== process.owner) this.#mayBeTakenOver(known);
    Object.assign(known, { epoch: outcome.generation.epoch, holder: process.owner, renewedAt: this.#now });
    process.held.push({ ...known.job, epoch: known.epoch });
  }

  #mayBeTakenOver(known: Known): void {
    const upFor = this.#now - this.#upSince;
    const lapsed = this.#now - known.renewedAt >= TIMES.leaseMs && upFor >= TIMES.leaseMs / 3;
    const lives = this.#processes.some((process) => process.alive && process.owner === known.holder);
    ok(lapsed || (!lives && upFor >= TIMES.trustAfterMs), 'nothing is taken from a living owner within its lease');
  }

  async #heartbeat(process: Process): Promise<void> {
    if (!process.alive) return;
    const latest = [...new Map(process.held.map((held) => [held.id, held])).values()];
    const outcomes = await this.#generations.heartbeat(process.owner, latest);
    strictEqual(outcomes.size, latest.length);
    for (const held of latest) {
      const known = this.#known.get(held.id)!;
      const holds = this.#holds(known, held, process);
      strictEqual(outcomes.get(held.id) !== 'lost', holds, 'a heartbeat tells the truth');
      if (holds) known.renewedAt = this.#now;
    }
  }

  #holds(known: Known, held: Held, process: Process): boolean {
    return known.holder === process.owner && known.epoch === held.epoch;
  }

  /** With any claim that the process ever had, most of them stale. */
  async #asHolder(step: Extract<Step, { process: number; pick: number }>): Promise<void> {
    const process = this.#processes[step.process]!;
    const held = process.held[step.pick % Math.max(1, process.held.length)];
    if (!process.alive || !held) return;
    const known = this.#known.get(held.id)!;
    const holds = this.#holds(known, held, process);
    if (step.kind === 'finish') {
      await this.#finish(known, held, process, step.failed);
    } else if (step.kind === 'raise') {
      const epoch = await this.#generations.raiseEpoch(held, process.owner, step.above);
      strictEqual(epoch !== null, holds);
      if (epoch === null) return;
      ok(epoch > step.above && epoch > known.epoch);
      known.epoch = epoch;
      process.held.push({ ...held, epoch });
    } else if (step.kind === 'release' || step.kind === 'drain') {
      const delayMs = step.kind === 'release' ? step.delayMs : 0;
      const how = { delayMs, countAttempt: step.kind === 'release' };
      strictEqual(await this.#generations.release(held, process.owner, how), holds);
      if (holds) known.holder = null;
    }
  }

  async #finish(known: Known, held: Held, process: Process, failed: boolean): Promise<readonly GenerationJob[]> {
    const holds = this.#holds(known, held, process);
    const text = `by ${process.owner} at ${held.epoch}`;
    const outcome = await this.#generations.finish(held, process.owner, answer(text, failed), WINDOW);
    strictEqual(outcome.kind === 'finished', holds, 'who holds it finishes it, and nobody else');
    if (outcome.kind !== 'finished') return [];
    Object.assign(known, { holder: null, terminal: outcome.generation, text });
    await this.#handedOut(outcome.dispatched);
    return outcome.dispatched;
  }

  async #stop(known: Known): Promise<void> {
    const outcome = await this.#generations.stop(known.job, WINDOW);
    ok(outcome);
    strictEqual(outcome.kind === 'terminal', known.terminal !== null);
    strictEqual(outcome.kind === 'running', known.holder !== null);
    if (outcome.kind !== 'cancelled') return;
    Object.assign(known, { terminal: outcome.generation, text: '' });
    await this.#handedOut(outcome.dispatched);
  }

  async #sweep(process: Process, queueLost: boolean): Promise<void> {
    const options = { owner: process.owner, limit: 1_000, ...AGES, queueLost };
    const { stalled } = await this.#outbox.sweep(options);
    for (const job of stalled) ok(!this.#known.get(job.id)!.terminal, 'what has ended does not stand still');
    const again = await this.#outbox.sweep(options);
    deepStrictEqual(again, { stalled: [], waitingUsers: [] }, 'a second look right after finds nothing');
  }

  async #kill({ process, noticedAfterMs }: Extract<Step, { kind: 'kill' }>): Promise<void> {
    const victim = this.#processes[process]!;
    victim.alive = false;
    this.#database.processDied(victim.owner, noticedAfterMs);
    this.#processes[process] = await this.#start();
  }

  async #replay(known: Known): Promise<void> {
    const isLetter = known.terminal?.error?.code === 'generation_failed';
    const removed = this.#removed.has(conversationKey(known.job.userId, known.number));
    const job = await this.#deadLetters.replay(known.job.id);
    strictEqual(job !== null, isLetter && !removed);
    if (job) Object.assign(known, { terminal: null, text: null });
  }

  async #remove(userId: UserId, pick: number): Promise<void> {
    const { items } = await this.#conversations.list(userId, { limit: 100 });
    const target = items[pick % Math.max(1, items.length)];
    if (!target) return;
    const unfinished = await this.#conversations.remove(userId, target.number);
    this.#removed.add(conversationKey(userId, target.number));
    for (const id of unfinished!) await this.#stop(this.#known.get(id)!);
  }

  /** Within the window, first in line, and none of a conversation that another one holds up. */
  async #handedOut(jobs: readonly GenerationJob[]): Promise<void> {
    strictEqual(new Set(jobs.map((job) => job.id)).size, jobs.length);
    ok(jobs.length <= WINDOW.chat);
    for (const job of jobs) {
      const known = this.#known.get(job.id)!;
      ok(!isTerminal((await this.#generations.find(job.id))?.state ?? 'queued'));
      strictEqual(known.holder, null);
      const others = [...this.#known.values()].filter(
        (other) => other !== known && other.job.userId === job.userId && other.number === known.number,
      );
      ok(
        others.every((other) => other.holder === null),
        'none of its conversation runs',
      );
      ok(
        others.every((other) => other.terminal || other.job.id > job.id),
        'none of its conversation is before it',
      );
    }
    const repeated = jobs[0] && (await this.#outbox.dispatchNext(jobs[0].userId, WINDOW));
    deepStrictEqual(repeated ?? [], [], 'the window is full, or nothing is left');
  }
}

function conversationKey(userId: UserId, number: number): string {
  return `${userId} ${number}`;
}

function answer(text: string, failed: boolean): Answer {
  return {
    state: failed ? 'failed' : 'done',
    text,
    reasoning: '',
    epochs: [],
    model: 'tiny',
    finishReason: failed ? null : 'stop',
    usage: null,
    facts: {},
    prefillMs: null,
    streamMs: null,
    trimmedMessages: 0,
    error: failed ? { code: 'generation_failed', message: 'It did not work.' } : null,
    deadLetter: failed,
  };
}
