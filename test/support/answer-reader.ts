import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt } from '../../src/protocol/generation.ts';
import { type Cursor, formatEventId, parseEventId } from '../../src/protocol/position.ts';
import { DONE } from '../../src/protocol/stream-events.ts';

export type Source = { readonly url: string; readonly key: string };

const RETRY_MS = 25;

/**
 * One reader of one answer as a browser is one: comes back with the last event id whenever the connection
 * ends, and drops what it is told to drop. Everything that it receives must fit what it has.
 */
export class AnswerReader {
  readonly id: string;
  readonly #source: Source;
  readonly #path: string;
  text = Buffer.alloc(0);
  reasoning = Buffer.alloc(0);
  lastEventId: string | null = null;
  connections = 0;
  rewinds = 0;
  /** Of every event with `"done": true`. */
  receipts: Receipt[] = [];
  errors: { code: string; message: string }[] = [];
  /** What did not fit; must stay empty. */
  faults: string[] = [];
  ended = false;
  #connection = new AbortController();
  #left = false;
  #listeners: { condition: (reader: AnswerReader) => boolean; resolve: () => void }[] = [];

  constructor(source: Source, id: string) {
    this.id = id;
    this.#source = source;
    this.#path = `/stream/${id}`;
  }

  /** Follows to the last event, through any number of dead servers; again after it has left. */
  async follow(): Promise<this> {
    this.#left = false;
    while (!this.ended && !this.#left) {
      this.connections += 1;
      this.#connection = new AbortController();
      await this.#read(this.#connection.signal).catch((error: unknown) => {
        if (error instanceof UnexpectedAnswer) throw error;
      });
      if (!this.ended && !this.#left) await sleep(RETRY_MS);
    }
    return this;
  }

  /** Breaks the connection; the reader comes back by itself. */
  drop(): void {
    this.#connection.abort();
  }

  leave(): void {
    this.#left = true;
    this.#connection.abort();
  }

  /** Resolves as soon as the condition holds after an event, in the same step. */
  until(condition: (reader: AnswerReader) => boolean): Promise<void> {
    if (condition(this)) return Promise.resolve();
    return new Promise((resolve) => this.#listeners.push({ condition, resolve }));
  }

  hasBytes(count: number): Promise<void> {
    return this.until(({ text, ended }) => ended || text.length >= count);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { url, key } = this.#source;
    const headers = { 'x-api-key': key, ...(this.lastEventId !== null && { 'last-event-id': this.lastEventId }) };
    const response = await fetch(url + this.#path, { headers, signal });
    if (response.status === 503) return;
    if (response.status !== 200)
      throw new UnexpectedAnswer(`${this.#path}: ${response.status} ${await response.text()}`);
    const decoder = new TextDecoder();
    let buffer = '';
    for await (const part of response.body!) {
      buffer += decoder.decode(part as Uint8Array, { stream: true });
      const blocks = buffer.split('\n\n');
      buffer = blocks.pop()!;
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(': ') + 2)]),
    );
    const data = fields.get('data');
    if (data === undefined) return;
    this.#apply(fields.get('event') ?? 'message', data);
    const id = fields.get('id');
    const parsed = id === undefined ? null : parseEventId(id);
    if (!parsed) this.faults.push(`no event id: ${block}`);
    else this.#check(parsed.cursor, block);
    this.lastEventId = id ?? this.lastEventId;
    this.#listeners = this.#listeners.filter(({ condition, resolve }) => {
      if (!condition(this)) return true;
      resolve();
      return false;
    });
  }

  #check(cursor: Cursor, block: string): void {
    const here = { text: this.text.length, reasoning: this.reasoning.length };
    if (cursor.at.text !== here.text || cursor.at.reasoning !== here.reasoning) {
      this.faults.push(`stands at ${formatEventId({ epoch: cursor.epoch, at: here })}, was told: ${block}`);
    }
  }

  #apply(name: string, data: string): void {
    if (this.ended) this.faults.push(`after the end: ${data}`);
    if (data === DONE) {
      this.ended = true;
      return;
    }
    const json = JSON.parse(data);
    switch (name) {
      case 'message':
        if (json.done) this.receipts.push(json.receipt);
        this.text = Buffer.concat([this.text, Buffer.from(json.token)]);
        break;
      case 'reasoning':
        this.reasoning = Buffer.concat([this.reasoning, Buffer.from(json.token)]);
        break;
      case 'restart':
      case 'rewind':
        this.rewinds += 1;
        this.text = this.text.subarray(0, json.offset ?? 0);
        this.reasoning = this.reasoning.subarray(0, json.reasoning ?? 0);
        break;
      case 'error':
        this.errors.push(json);
        break;
    }
  }
}

class UnexpectedAnswer extends Error {}
