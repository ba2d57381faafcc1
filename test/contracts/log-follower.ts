import type { GenerationId } from '../../src/ports/generations.ts';
import type { Attachment, Frame, LogSnapshot, TokenLog } from '../../src/ports/token-log.ts';
import type { Position } from '../../src/protocol/position.ts';

/** A reader as the port describes it, and no cleverer: what does not fit makes it attach again. */
export class LogFollower {
  epoch = 0;
  bytes = { text: Buffer.alloc(0), reasoning: Buffer.alloc(0) };
  ended = false;
  attached = 0;
  readonly frames: Frame[] = [];
  readonly #log: TokenLog;
  readonly #id: GenerationId;
  #attachment: Attachment | null = null;
  #turn = 0;
  #attaching: Promise<void> = Promise.resolve();

  constructor(log: TokenLog, id: GenerationId) {
    this.#log = log;
    this.#id = id;
  }

  get text(): string {
    return this.bytes.text.toString();
  }

  get reasoning(): string {
    return this.bytes.reasoning.toString();
  }

  get at(): Position {
    return { text: this.bytes.text.length, reasoning: this.bytes.reasoning.length };
  }

  attach(): Promise<void> {
    const turn = ++this.#turn;
    this.#attachment?.detach();
    this.#attachment = null;
    this.#attaching = this.#attaching.then(() => this.#attach(turn));
    return this.#attaching;
  }

  /** After every attachment that is under way. */
  async idle(): Promise<void> {
    for (let turn = -1; turn !== this.#turn; ) {
      turn = this.#turn;
      await this.#attaching;
    }
  }

  leave(): void {
    this.#turn++;
    this.#attachment?.detach();
    this.#attachment = null;
  }

  async #attach(turn: number): Promise<void> {
    if (turn !== this.#turn) return;
    this.attached++;
    let early: Frame[] | null = [];
    const cursor = { epoch: this.epoch, at: this.at };
    const attachment = await this.#log.attach(this.#id, cursor, (frame) => {
      if (turn !== this.#turn) return;
      this.frames.push(frame);
      if (early) early.push(frame);
      else this.#hear(frame);
    });
    if (turn !== this.#turn) return attachment.detach();
    this.#attachment = attachment;
    if (attachment.snapshot) this.#take(attachment.snapshot);
    const waiting = early;
    early = null;
    for (const frame of waiting) if (turn === this.#turn) this.#hear(frame);
  }

  #take(snapshot: LogSnapshot): void {
    if (snapshot.epoch < this.epoch) return;
    this.epoch = snapshot.epoch;
    this.bytes = {
      text: Buffer.concat([this.bytes.text.subarray(0, snapshot.from.text), snapshot.text]),
      reasoning: Buffer.concat([this.bytes.reasoning.subarray(0, snapshot.from.reasoning), snapshot.reasoning]),
    };
    if (snapshot.closed) this.ended = true;
  }

  #hear(frame: Frame): void {
    if (frame.kind === 'gap') void this.attach();
    else if (frame.epoch < this.epoch) return;
    else if (frame.epoch > this.epoch) void this.attach();
    else if (frame.kind === 'bytes') this.#grow(frame);
    else if (frame.kind === 'closed') this.#end(frame.length);
  }

  #grow({ at, text, reasoning }: Frame & { kind: 'bytes' }): void {
    const own = this.at;
    if (at.text > own.text || at.reasoning > own.reasoning) return void this.attach();
    this.bytes = {
      text: Buffer.concat([this.bytes.text, text.subarray(own.text - at.text)]),
      reasoning: Buffer.concat([this.bytes.reasoning, reasoning.subarray(own.reasoning - at.reasoning)]),
    };
  }

  #end(length: Position): void {
    const own = this.at;
    if (own.text === length.text && own.reasoning === length.reasoning) this.ended = true;
    else void this.attach();
  }
}
