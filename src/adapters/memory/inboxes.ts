import type { Clock } from '../../ports/clock.ts';
import type { OwnerId } from '../../ports/generations.ts';
import type { Inboxes, InboxMessage } from '../../ports/inboxes.ts';

type Act = (message: InboxMessage) => Promise<boolean>;

export class MemoryInboxes implements Inboxes {
  readonly #clock: Clock;
  readonly #listeners = new Map<OwnerId, Act>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async tell(owner: OwnerId, message: InboxMessage, timeoutMs: number): Promise<boolean> {
    const act = this.#listeners.get(owner);
    if (!act) return false;
    const answered = new AbortController();
    const answer = Promise.resolve()
      .then(() => act(message))
      .catch(() => false);
    const silence = this.#clock.sleep(timeoutMs, answered.signal).then(
      () => false,
      () => false,
    );
    try {
      return await Promise.race([answer, silence]);
    } finally {
      answered.abort();
    }
  }

  async listen(owner: OwnerId, act: Act): Promise<AsyncDisposable> {
    if (this.#listeners.has(owner)) throw new Error(`Somebody listens for ${owner} already.`);
    this.#listeners.set(owner, act);
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#listeners.get(owner) === act) this.#listeners.delete(owner);
      },
    };
  }
}
