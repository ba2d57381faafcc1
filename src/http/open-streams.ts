import { ChatError } from '../protocol/errors.ts';

/** The streams that this process holds open: bounded per user, and ended when the server closes. */
export class OpenStreams {
  readonly #perUser = new Map<string, number>();
  readonly #open = new Set<AbortController>();
  readonly #most: number;
  #closed = false;

  constructor(mostPerUser: number) {
    this.#most = mostPerUser;
  }

  /** The controller is aborted when the server closes, and by the caller when the client has gone. */
  open(userId: string): { controller: AbortController; close: () => void } {
    if (this.#closed) throw new ChatError('shutting_down');
    const count = this.#perUser.get(userId) ?? 0;
    if (count >= this.#most) throw new ChatError('too_many_streams', { details: { limit: this.#most } });
    this.#perUser.set(userId, count + 1);
    const controller = new AbortController();
    this.#open.add(controller);
    const close = () => {
      if (!this.#open.delete(controller)) return;
      const left = (this.#perUser.get(userId) ?? 1) - 1;
      if (left > 0) this.#perUser.set(userId, left);
      else this.#perUser.delete(userId);
    };
    return { controller, close };
  }

  get count(): number {
    return this.#open.size;
  }

  closeAll(): void {
    this.#closed = true;
    for (const controller of this.#open) controller.abort(new ChatError('shutting_down'));
  }
}
