import type {
  Answer,
  ClaimOutcome,
  DispatchWindow,
  FinishOutcome,
  Generation,
  GenerationId,
  GenerationRef,
  Generations,
  HeartbeatOutcome,
  Held,
  OwnerId,
  StopOutcome,
} from '../../ports/generations.ts';
import { isTerminal } from '../../protocol/generation.ts';
import { type GenerationRow, type MemoryDatabase, toGeneration } from './database.ts';
import { dispatchUser } from './dispatch.ts';
import { CANCELLED_UNANSWERED, settle } from './settle.ts';
import { hasDied, hasLapsed } from './take-over.ts';

export class MemoryGenerations implements Generations {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async own(owner: OwnerId): Promise<AsyncDisposable> {
    this.#database.lock(owner);
    return { [Symbol.asyncDispose]: async () => this.#database.unlock(owner) };
  }

  async claim(ref: GenerationRef, owner: OwnerId): Promise<ClaimOutcome> {
    const row = this.#database.generation(ref);
    if (!row) return { kind: 'unknown' };
    if (isTerminal(row.state)) return { kind: 'terminal', generation: toGeneration(row) };
    const now = this.#database.now();
    if (row.state === 'queued') {
      if (row.dueAt > now) return { kind: 'not-due', delayMs: row.dueAt - now };
      if (mustWaitItsTurn(row)) return { kind: 'conversation-busy' };
      row.attempts += 1;
    } else {
      const isFree = row.owner === owner || hasLapsed(this.#database, row) || hasDied(this.#database, row);
      if (!isFree) return { kind: 'owned', owner: row.owner! };
      row.takeovers += 1;
    }
    row.state = 'running';
    row.epoch += 1;
    row.owner = owner;
    row.ownerLocked = this.#database.isLocked(owner);
    row.leaseUntil = now + this.#database.options.leaseMs;
    row.claimedAt ??= now;
    row.sweeps = 0;
    row.sweepDueAt = now;
    const question = row.prompt ? undefined : row.conversation.messages.get(row.requestMessageId);
    return {
      kind: 'claimed',
      generation: toGeneration(row),
      ...(row.prompt && { prompt: row.prompt }),
      ...(question && { question: { parentId: question.parentId, content: question.content } }),
    };
  }

  async raiseEpoch(held: Held, owner: OwnerId, above: number): Promise<number | null> {
    const row = holding(this.#database, held, owner);
    if (!row) return null;
    row.epoch = Math.max(row.epoch, above) + 1;
    return row.epoch;
  }

  async heartbeat(owner: OwnerId, held: readonly Held[]): Promise<ReadonlyMap<GenerationId, HeartbeatOutcome>> {
    const outcomes = new Map<GenerationId, HeartbeatOutcome>();
    for (const one of held) {
      const row = holding(this.#database, one, owner);
      if (row) {
        row.leaseUntil = this.#database.now() + this.#database.options.leaseMs;
        row.ownerLocked = this.#database.isLocked(owner);
      }
      outcomes.set(one.id, !row ? 'lost' : row.stopRequested ? 'stop' : 'held');
    }
    return outcomes;
  }

  async release(held: Held, owner: OwnerId, how: { delayMs: number; countAttempt: boolean }): Promise<boolean> {
    const row = holding(this.#database, held, owner);
    if (!row) return false;
    const now = this.#database.now();
    row.state = 'queued';
    // Whoever goes on with it finds it through its lane.
    row.direct = false;
    row.owner = null;
    row.ownerLocked = false;
    row.dueAt = now + how.delayMs;
    row.dispatchedAt = how.delayMs > 0 ? null : now;
    row.publishedAt = null;
    row.sweeps = 0;
    row.sweepDueAt = row.dueAt;
    // An attempt is only ever taken back by the claim that counted it; a replay has none to take.
    if (!how.countAttempt) row.attempts = Math.max(0, row.attempts - 1);
    return true;
  }

  async finish(held: Held, owner: OwnerId, answer: Answer, window: DispatchWindow): Promise<FinishOutcome> {
    const row = holding(this.#database, held, owner);
    if (!row) return { kind: 'fenced' };
    settle(this.#database, row, answer);
    const dispatched = dispatchUser(this.#database, row.user, window);
    return { kind: 'finished', generation: toGeneration(row), dispatched };
  }

  async stop(ref: GenerationRef, window: DispatchWindow): Promise<StopOutcome | null> {
    const row = this.#database.generation(ref);
    if (!row) return null;
    if (isTerminal(row.state)) return { kind: 'terminal', generation: toGeneration(row) };
    row.stopRequested = true;
    if (row.state === 'running') return { kind: 'running', generation: toGeneration(row), owner: row.owner! };
    settle(this.#database, row, CANCELLED_UNANSWERED);
    const dispatched = dispatchUser(this.#database, row.user, window);
    return { kind: 'cancelled', generation: toGeneration(row), dispatched };
  }

  async find(id: GenerationId): Promise<Generation | null> {
    const row = this.#database.generations.get(id);
    return row && !row.conversation.deleted ? toGeneration(row) : null;
  }
}

function holding(database: MemoryDatabase, held: Held, owner: OwnerId): GenerationRow | null {
  const row = database.generation(held);
  return row && row.state === 'running' && row.epoch === held.epoch && row.owner === owner ? row : null;
}

/**
 * One question of a conversation is answered at a time, by however many: a later one needs the answer of an earlier one.
 * Whether a dispatched one was first in line was decided then: an earlier one replayed since comes after it.
 */
function mustWaitItsTurn(row: GenerationRow): boolean {
  for (const other of row.user.active) {
    if (other.conversation !== row.conversation || other.requestMessageId === row.requestMessageId) continue;
    if (other.state === 'running' || (row.dispatchedAt === null && other.line < row.line)) return true;
  }
  return false;
}
