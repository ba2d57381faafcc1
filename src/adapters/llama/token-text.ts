/** Turns tokens into whole characters: bytes of a character that is not complete yet are held back. */
export class TokenText {
  readonly #detokenize: (tokens: readonly number[], preceding: readonly number[]) => string;
  #preceding: readonly number[];
  #held: number[] = [];

  /** `preceding`: what stands before the output; some vocabularies space a word by its neighbour. */
  constructor(
    detokenize: (tokens: readonly number[], preceding: readonly number[]) => string,
    preceding: readonly number[],
  ) {
    this.#detokenize = detokenize;
    this.#preceding = preceding.slice(-PRECEDING_TOKENS);
  }

  push(token: number): string {
    this.#held.push(token);
    const text = this.#detokenize(this.#held, this.#preceding);
    if (text.endsWith(REPLACEMENT) && this.#held.length < MAX_HELD_TOKENS) return '';
    this.#release();
    return text;
  }

  flush(): string {
    if (this.#held.length === 0) return '';
    const text = this.#detokenize(this.#held, this.#preceding);
    this.#release();
    // A character that the end cut in two.
    return text.endsWith(REPLACEMENT) ? text.slice(0, -1) : text;
  }

  #release(): void {
    this.#preceding = [...this.#preceding, ...this.#held].slice(-PRECEDING_TOKENS);
    this.#held = [];
  }
}

const REPLACEMENT = '\ufffd';
const PRECEDING_TOKENS = 3;
/** A character has at most four bytes, and so at most four tokens; longer runs are not text. */
const MAX_HELD_TOKENS = 4;
