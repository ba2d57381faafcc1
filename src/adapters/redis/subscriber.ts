import { newClient, type RedisNode } from './redis-node.ts';

type Hear = (message: Buffer) => void;
type Client = ReturnType<typeof newClient>;

/** A connection that says nothing for three of these is taken for dead. */
const PING_INTERVAL_MS = 2_000;

/**
 * The subscriptions of this process at one server, on a connection of their own. Channels are sharded ones,
 * which outside a cluster behave like any other, so that a message reaches the servers of its slot only.
 */
export class Subscriber {
  readonly node: RedisNode;
  readonly #client: Client;
  /** Counts the times that the connection was (again) made; 0 before the first. */
  #incarnation = 0;
  readonly #wanted = new Map<string, Hear>();
  readonly #confirmed = new Set<string>();
  readonly #onBack: (incarnation: number) => void;
  #waiters: (() => void)[] = [];

  /** `onBack`: every channel is subscribed again, and what was said meanwhile is lost. */
  constructor(node: RedisNode, onBack: (incarnation: number) => void, onMoved: () => void) {
    this.node = node;
    this.#onBack = onBack;
    this.#client = newClient(node.address, node.settings, PING_INTERVAL_MS);
    this.#client.on('error', () => {}); // The connection for commands tells.
    this.#client.on('ready', () => this.#back());
    this.#client.on('sharded-channel-moved', (channel: string) => {
      this.#confirmed.delete(channel);
      onMoved();
    });
    this.#client.connect().catch(() => {});
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** Null while it does not hear this channel. */
  hears(channel: string): number | null {
    return this.#client.isReady && this.#confirmed.has(channel) ? this.#incarnation : null;
  }

  subscribe(channel: string, hear: Hear): void {
    this.#wanted.set(channel, hear);
    if (this.#client.isReady) void this.#confirm(channel);
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel);
    this.#confirmed.delete(channel);
    if (this.#client.isReady) this.#client.sUnsubscribe(channel).catch(() => {});
  }

  /** Resolves to the incarnation once the channel is heard; rejects after `ms`. */
  async heard(channel: string, ms: number): Promise<number> {
    const deadline = performance.now() + ms;
    for (;;) {
      const incarnation = this.hears(channel);
      if (incarnation !== null) return incarnation;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.node.name}: not subscribed to ${channel} within ${ms} ms`);
      await this.#change(left);
    }
  }

  close(): void {
    this.#client.destroy();
    this.#announce();
  }

  #back(): void {
    this.#incarnation++;
    this.#confirmed.clear();
    const all = [...this.#wanted.keys()].map((channel) => this.#confirm(channel));
    const { incarnation } = this;
    void Promise.all(all).then(() => {
      if (this.#incarnation === incarnation) this.#onBack(incarnation);
    });
  }

  /** Where the library has renewed it already this does nothing: the same listener is kept once. */
  async #confirm(channel: string): Promise<void> {
    const incarnation = this.#incarnation;
    const hear = this.#wanted.get(channel);
    if (!hear) return;
    try {
      await this.#client.sSubscribe(channel, hear, true);
    } catch {
      return; // Disconnected, which is followed by coming back; or not its slot, which the topology heals.
    }
    if (this.#incarnation !== incarnation || !this.#wanted.has(channel)) return;
    this.#confirmed.add(channel);
    this.#announce();
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 100));
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #announce(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
