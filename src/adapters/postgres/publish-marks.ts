import { setTimeout as sleep } from 'node:timers/promises';
import type { Published } from '../../ports/outbox.ts';

/** Milliseconds: until then most of what was published has been claimed, and needs no mark. */
const WAIT_MS = 25;

/** Marks of what was published, one write at a time for all that gathered meanwhile: nobody is waiting for one. */
export class PublishMarks {
  readonly #write: (published: readonly Published[]) => Promise<void>;
  #gathered: Published[] = [];
  #next: Promise<void> | null = null;
  #last: Promise<void> = Promise.resolve();

  constructor(write: (published: readonly Published[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves once they are written. */
  add(published: readonly Published[]): Promise<void> {
    this.#gathered.push(...published);
    this.#next ??= this.#writeSoon();
    return this.#next;
  }

  async #writeSoon(): Promise<void> {
    await Promise.all([sleep(WAIT_MS), this.#last]);
    const published = this.#gathered;
    this.#gathered = [];
    this.#next = null;
    const writing = this.#write(published);
    this.#last = writing.catch(() => {});
    await writing;
  }
}
