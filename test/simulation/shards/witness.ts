import type { GenerationRow } from '../../../src/adapters/memory/database.ts';
import { hasPlace } from '../../../src/adapters/memory/dispatch.ts';
import type { GenerationId, UserId } from '../../../src/ports/generations.ts';
import { LANES } from '../../../src/protocol/generation.ts';
import type { SimulatedShard } from './simulated-shard.ts';

const MAX_VIOLATIONS = 20;

/**
 * Sees every transaction as it commits, whether or not anybody hears of it, and says what must never be, at the
 * moment at which it is. Times are virtual milliseconds.
 */
export class Witness {
  readonly violations: string[] = [];
  readonly acceptedAt = new Map<GenerationId, number>();
  readonly claimedAt = new Map<GenerationId, number>();
  /** Of those that ran when they were marked. */
  readonly stopMarkedAt = new Map<GenerationId, number>();
  readonly settledAt = new Map<GenerationId, number>();
  readonly #epochs = new Map<GenerationId, number>();
  readonly #now: () => number;
  readonly #places: number;
  readonly #onClaim: (id: GenerationId) => void;
  #shards: readonly SimulatedShard[] = [];

  /** `places`: the widest window that a user can have in a lane. */
  constructor(now: () => number, places: number, onClaim: (id: GenerationId) => void) {
    this.#now = now;
    this.#places = places;
    this.#onClaim = onClaim;
  }

  watch(shards: readonly SimulatedShard[]): void {
    this.#shards = shards;
  }

  note(violation: string): void {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push(`at ${this.#now()} ms: ${violation}`);
  }

  homeChanged(userId: UserId): void {
    const writable = this.#shards.filter((shard) => shard.homes.get(userId)?.state === 'active');
    if (writable.length > 1)
      this.note(`user ${userId} is at home on ${writable.map(({ name }) => name).join(' and ')}`);
  }

  accepted(id: GenerationId): void {
    if (!this.acceptedAt.has(id)) this.acceptedAt.set(id, this.#now());
  }

  claimed(id: GenerationId, epoch: number): void {
    if (!this.claimedAt.has(id)) this.claimedAt.set(id, this.#now());
    this.#onClaim(id);
    this.raised(id, epoch);
    if (this.settledAt.has(id)) this.note(`${id} was claimed after its end`);
  }

  raised(id: GenerationId, epoch: number): void {
    const before = this.#epochs.get(id) ?? 0;
    if (epoch <= before) this.note(`${id} got epoch ${epoch} after ${before}`);
    this.#epochs.set(id, epoch);
  }

  stopMarked(id: GenerationId): void {
    if (!this.stopMarkedAt.has(id)) this.stopMarkedAt.set(id, this.#now());
  }

  settled(id: GenerationId): void {
    if (this.settledAt.has(id)) this.note(`${id} ended twice`);
    else this.settledAt.set(id, this.#now());
  }

  /** After each write for a user: never two questions of one conversation under way, never more than the window holds. */
  wrote(shard: SimulatedShard, userId: UserId): void {
    const active = shard.database.users.get(userId)?.active;
    if (!active) return;
    const placed = [...active].filter(hasPlace);
    const conversations = new Map<string, GenerationRow>();
    for (const row of placed) {
      const other = conversations.get(row.conversation.id);
      if (other && other.requestMessageId !== row.requestMessageId) {
        this.note(`${row.id} and ${other.id} answer two questions of one conversation at once`);
      }
      conversations.set(row.conversation.id, row);
    }
    for (const lane of LANES) {
      const count = placed.filter((row) => row.lane === lane && !row.direct).length;
      if (count > this.#places) this.note(`user ${userId} has ${count} under way in lane ${lane}`);
    }
  }
}
