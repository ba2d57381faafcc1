import { ByteBuffer } from '../lib/byte-buffer.ts';
import type { Held } from '../ports/generations.ts';
import type { Append, AppendOutcome, Ending, TokenLog } from '../ports/token-log.ts';
import type { EpochStart, Position } from '../protocol/position.ts';
import { fenced, gapHealed } from '../telemetry/events.ts';

/**
 * The owner's side of one token log: the whole answer so far, and how much of it the log is known to
 * hold. A log that lost its tail, or itself, is put back from here.
 */
export class AnswerWriter {
  readonly held: Held;
  readonly epochs: readonly EpochStart[];
  readonly text: ByteBuffer;
  readonly reasoning: ByteBuffer;
  /** Nothing of this owner's has been sent yet: its first words go out at once. */
  fresh = true;
  #logged: Position;
  #ending: Ending | null = null;
  #state: 'open' | 'ended' | 'fenced' = 'open';
  #whenClean: (() => void)[] = [];

  constructor(held: Held, opened: { text: Uint8Array; reasoning: Uint8Array; epochs: readonly EpochStart[] }) {
    this.held = held;
    this.epochs = opened.epochs;
    this.text = new ByteBuffer(opened.text);
    this.reasoning = new ByteBuffer(opened.reasoning);
    this.#logged = this.length;
  }

  get length(): Position {
    return { text: this.text.length, reasoning: this.reasoning.length };
  }

  get isFenced(): boolean {
    return this.#state === 'fenced';
  }

  /** Has bytes, or its ending, that the log lacks. */
  get dirty(): boolean {
    if (this.#state !== 'open') return false;
    return (
      this.#ending !== null || this.text.length > this.#logged.text || this.reasoning.length > this.#logged.reasoning
    );
  }

  /** Goes with the last bytes, in the same append. */
  end(ending: Ending): void {
    this.#ending = ending;
  }

  /** Resolves when the log holds everything, or has refused it for good. */
  clean(): Promise<void> {
    return new Promise((resolve) => {
      if (this.dirty) this.#whenClean.push(resolve);
      else resolve();
    });
  }

  nextAppend(): Append {
    this.fresh = false;
    return {
      id: this.held.id,
      epoch: this.held.epoch,
      at: this.#logged,
      text: this.text.view(this.#logged.text),
      reasoning: this.reasoning.view(this.#logged.reasoning),
      ...(this.#ending && { ending: this.#ending }),
    };
  }

  /** Takes in what the log said to `append`; puts the log back where it has lost what it had. */
  async settle(log: TokenLog, append: Append, outcome: AppendOutcome): Promise<void> {
    if (outcome.kind === 'failed') return; // It stays dirty, and goes again.
    if (outcome.kind === 'appended') {
      this.#logged = {
        text: append.at.text + append.text.length,
        reasoning: append.at.reasoning + append.reasoning.length,
      };
      if (append.ending) this.#state = 'ended';
      this.#announce();
    } else if (outcome.epoch > this.held.epoch || (outcome.epoch === this.held.epoch && outcome.closed)) {
      this.#fence(outcome.epoch);
    } else if (outcome.epoch === this.held.epoch && this.#has(outcome.at)) {
      // It lost its tail (or we lost its answer): the same bytes go again, from where it stands.
      gapHealed({ generation: this.held.id, reason: 'resent', bytes: this.#logged.text - outcome.at.text });
      this.#logged = outcome.at;
    } else {
      await this.#restore(log);
    }
  }

  #has(at: Position): boolean {
    return at.text <= this.text.length && at.reasoning <= this.reasoning.length;
  }

  async #restore(log: TokenLog): Promise<void> {
    const length = this.length;
    const opened = await log.open(this.held.id, this.held.epoch, {
      kind: 'restore',
      text: this.text.view().slice(),
      reasoning: this.reasoning.view().slice(),
      epochs: this.epochs,
    });
    if (opened.kind === 'refused') {
      this.#fence(opened.epoch);
      return;
    }
    gapHealed({ generation: this.held.id, reason: 'restored', bytes: length.text });
    this.#logged = length;
    this.#announce();
  }

  #fence(standingEpoch: number): void {
    fenced({ generation: this.held.id, epoch: this.held.epoch, operation: 'append', standingEpoch });
    this.#state = 'fenced';
    this.#announce();
  }

  #announce(): void {
    if (this.dirty) return;
    for (const resolve of this.#whenClean.splice(0)) resolve();
  }
}
