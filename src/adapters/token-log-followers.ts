import type { GenerationId } from '../ports/generations.ts';
import type { Frame } from '../ports/token-log.ts';

type Follower = { hear: (frame: Frame) => void };

/** Who follows which log in this process, whether or not there is such a log. */
export class TokenLogFollowers {
  readonly #followers = new Map<GenerationId, Set<Follower>>();

  add(id: GenerationId, hear: (frame: Frame) => void): () => void {
    const follower = { hear };
    const of = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, of.add(follower));
    return () => {
      of.delete(follower);
      if (of.size === 0 && this.#followers.get(id) === of) this.#followers.delete(id);
    };
  }

  /** To those registered when it was called: one that attaches again while it hears does not hear it twice. */
  tell(id: GenerationId, frame: Frame): void {
    const of = this.#followers.get(id);
    if (!of) return;
    if (of.size === 1) {
      this.#hear(of.values().next().value!, frame);
      return;
    }
    for (const follower of [...of]) {
      if (of.has(follower)) this.#hear(follower, frame);
    }
  }

  tellAll(frame: Frame): void {
    for (const id of [...this.#followers.keys()]) this.tell(id, frame);
  }

  clear(): void {
    this.#followers.clear();
  }

  count(id: GenerationId): number {
    return this.#followers.get(id)?.size ?? 0;
  }

  get total(): number {
    let total = 0;
    for (const of of this.#followers.values()) total += of.size;
    return total;
  }

  /** A follower that breaks its promise not to throw harms neither the writer nor the others. */
  #hear(follower: Follower, frame: Frame): void {
    try {
      follower.hear(frame);
    } catch (cause) {
      process.emitWarning(new Error('A follower of a token log threw.', { cause }));
    }
  }
}
