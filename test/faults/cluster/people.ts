import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerReader } from '../../support/answer-reader.ts';
import { Asked, type Way, type Wrong } from './asked.ts';
import { type Caller, Refused } from './caller.ts';
import type { Random } from './random.ts';

export type PeopleOptions = { people: number; tokens: readonly number[] };

const POLL_MS = 250;
/** After this long without an answer it is stuck. */
const PATIENCE_MS = 120_000;
/** Names that one person goes by in turn: users enough for moves that last. */
const NAMES = 3;
const SHARE = { stream: 0.7, async: 0.15, goesOn: 0.5, stops: 0.05, restless: 0.4, readAgain: 0.15 };
const MOST_DROPS = 3;

/**
 * People who ask, read and ask again. They do what real callers do: repeat a failed request under its key,
 * come back with their last event id, leave in the middle, stop now and then, read an answer once more.
 */
export class People {
  readonly asked: Asked[] = [];
  readonly #caller: Caller;
  readonly #options: PeopleOptions;
  readonly #random: Random;
  readonly #readers = new Set<AnswerReader>();
  readonly #running: Promise<unknown>;
  #isLeaving = false;
  #isGone = false;

  constructor(caller: Caller, options: PeopleOptions, random: Random) {
    this.#caller = caller;
    this.#options = options;
    this.#random = random;
    this.#running = Promise.all(Array.from({ length: options.people }, (_, n) => this.#live(`person-${n}`)));
  }

  get answered(): number {
    return this.asked.filter(({ text }) => text !== null).length;
  }

  get live(): Asked[] {
    return this.asked.filter(({ isLive }) => isLive);
  }

  /** No more questions; resolves when all have been answered. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.#running;
  }

  /** At once, whatever is under way. */
  async abandon(): Promise<void> {
    this.#isGone = true;
    this.#caller.close();
    for (const reader of this.#readers) reader.leave();
    await this.leave();
  }

  async #live(person: string): Promise<void> {
    const conversations = Array.from({ length: NAMES }, () => 0);
    for (let turn = 0; !this.#isLeaving; turn++) {
      const name = turn % NAMES;
      const goesOn = conversations[name]! > 0 && this.#random.unit() < SHARE.goesOn;
      if (!goesOn) conversations[name]!++;
      const asked = new Asked(this.#way(), `${person}-${name}`, this.#random.pick(this.#options.tokens));
      this.asked.push(asked);
      try {
        await this.#ask(asked, goesOn ? conversations[name]! : null);
      } catch (error) {
        const kind = error instanceof Refused ? error.kind : 'lost';
        if (!this.#isGone) asked.wrong.push({ kind, what: `${error instanceof Error ? error.message : error}` });
      }
      await sleep(this.#random.below(200));
    }
  }

  #way(): Way {
    const drawn = this.#random.unit();
    return drawn < SHARE.stream ? 'stream' : drawn < SHARE.stream + SHARE.async ? 'async' : 'sync';
  }

  async #ask(asked: Asked, conversation: number | null): Promise<void> {
    const path = { stream: '/stream-chat', async: '/async-chat', sync: '/chat' }[asked.way];
    const body = {
      user_id: asked.user,
      message: asked.question,
      max_tokens: 1024,
      ...(conversation !== null && { conversation_id: conversation }),
    };
    const { json } = await this.#caller.call('POST', path, { body, headers: { 'idempotency-key': asked.key } });
    // Its id is not told by POST /chat; the question finds it in the end.
    if (json.response !== undefined) asked.text = json.response;
    else {
      asked.id = json.correlation_id;
      if (asked.way === 'stream') await this.#stream(asked);
      else asked.text = await this.#poll(asked);
    }
    const fits = asked.isStopped ? asked.expected.startsWith(asked.text ?? '') : asked.text === asked.expected;
    if (!fits && asked.wrong.length === 0) asked.wrong.push({ kind: 'torn', what: 'not the answer that was written' });
  }

  async #stream(asked: Asked): Promise<void> {
    const reader = this.#caller.reader(asked.id!);
    asked.isLive = true;
    let bytes = 0;
    void reader.until(({ text, connections }) => {
      if (text.length > bytes) asked.arrivals.push(performance.now());
      bytes = text.length;
      asked.connections = connections;
      return false;
    });
    try {
      const disturbed = this.#disturb(asked, reader);
      asked.text = await this.#readAll(asked, reader);
      await disturbed;
    } finally {
      asked.isLive = false;
      asked.endedAt = performance.now();
    }
    if (reader.ended && this.#random.unit() < SHARE.readAgain) {
      const again = await this.#readAll(asked, this.#caller.reader(asked.id!));
      if (again !== asked.text) asked.wrong.push({ kind: 'torn', what: 'read once more it differs' });
    }
  }

  async #readAll(asked: Asked, reader: AnswerReader): Promise<string | null> {
    const patience = setTimeout(() => reader.leave(), PATIENCE_MS);
    this.#readers.add(reader);
    await reader.follow().finally(() => {
      clearTimeout(patience);
      this.#readers.delete(reader);
    });
    if (this.#isGone) return null;
    const note = (kind: Wrong['kind'], what: string) => asked.wrong.push({ kind, what });
    if (!reader.ended) note('stuck', 'the stream did not end');
    if (reader.ended && reader.receipts.length !== 1) note('torn', `${reader.receipts.length} receipts`);
    for (const fault of reader.faults) note('torn', fault);
    if (!asked.isStopped) for (const { code } of reader.errors) note('lost', `told ${code}`);
    return reader.text.toString();
  }

  /** Some leave in the middle, again and again, and come back elsewhere; some stop. */
  async #disturb(asked: Asked, reader: AnswerReader): Promise<void> {
    const drawn = this.#random.unit();
    if (drawn > SHARE.restless) return;
    const length = Buffer.byteLength(asked.expected);
    const drops = drawn < SHARE.stops ? 0 : 1 + this.#random.below(MOST_DROPS);
    const moments = Array.from({ length: Math.max(1, drops) }, () => this.#random.below(length));
    for (const moment of moments.sort((a, b) => a - b)) {
      await reader.hasBytes(moment);
      if (reader.ended || this.#isGone) return;
      if (drops === 0) break;
      asked.droppedAt = performance.now();
      reader.drop();
    }
    if (drops > 0) return;
    asked.isStopped = true;
    await this.#caller.call('POST', `/generations/${asked.id}/stop`, {});
  }

  async #poll(asked: Asked): Promise<string> {
    const last = performance.now() + PATIENCE_MS;
    while (performance.now() < last) {
      const { json } = await this.#caller.call('GET', `/check-response/${asked.id}`, {});
      if (json.error !== undefined) throw new Refused('lost', `told ${json.error.code}`);
      if (json.response !== undefined) return json.response;
      await sleep(POLL_MS);
    }
    throw new Refused('stuck', 'not answered');
  }
}
