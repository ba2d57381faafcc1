import { setTimeout as sleep } from 'node:timers/promises';
import { Asked } from './asked.ts';
import { type Caller, Refused } from './caller.ts';

const TOKENS = 3;
const PAUSE_MS = 300;
/** A reader that sits at an API which does not answer looks for another. */
const IMPATIENCE_MS = 10_000;

/**
 * A few users, of every shard, who ask one short question after the other: what tells how soon one that is
 * asked after a fault is answered. Their answers are judged like everybody's.
 */
export class Probes {
  readonly asked: Asked[] = [];
  readonly #caller: Caller;
  readonly #users: readonly string[];
  readonly #running: Promise<unknown>;
  #isLeaving = false;

  constructor(caller: Caller, users: readonly string[]) {
    this.#caller = caller;
    this.#users = users;
    this.#running = Promise.all(users.map((user) => this.#keepAsking(user)));
  }

  /** When each of them had text of a question that was asked after that moment; null while one has not. */
  answeredAt(moment: number): number | null {
    const since = this.asked.filter(({ at }) => at >= moment);
    const first = this.#users.map((name) => since.find(({ user, arrivals }) => user === name && arrivals.length > 0));
    return first.every((asked) => asked !== undefined) ? Math.max(...first.map(({ arrivals }) => arrivals[0]!)) : null;
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#running;
  }

  async #keepAsking(user: string): Promise<void> {
    while (!this.#isLeaving) {
      const asked = new Asked('stream', user, TOKENS);
      this.asked.push(asked);
      await this.#ask(asked).catch((error: Error) => {
        asked.wrong.push({ kind: error instanceof Refused ? error.kind : 'lost', what: error.message });
      });
      await sleep(PAUSE_MS);
    }
  }

  async #ask(asked: Asked): Promise<void> {
    const body = { user_id: asked.user, message: asked.question };
    const headers = { 'idempotency-key': asked.key };
    const { json } = await this.#caller.callProxy('POST', '/stream-chat', { body, headers });
    asked.id = json.correlation_id;
    const reader = this.#caller.reader(asked.id!);
    void reader.hasBytes(1).then(() => asked.arrivals.push(performance.now()));
    const impatience = setInterval(() => reader.drop(), IMPATIENCE_MS);
    await reader.follow().finally(() => clearInterval(impatience));
    asked.text = reader.text.toString();
    if (asked.text !== asked.expected) asked.wrong.push({ kind: 'torn', what: 'not the answer that was written' });
  }
}
