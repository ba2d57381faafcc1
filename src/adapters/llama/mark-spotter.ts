export type Spotted = {
  /** What certainly stands before any mark. */
  text: string;
  mark: string | null;
  /** What came behind the mark. */
  rest: string;
};

/** Looks for the first of some marks in text that comes in pieces; holds back what may become one. */
export class MarkSpotter {
  readonly #marks: readonly string[];
  #held = '';

  constructor(marks: readonly string[]) {
    this.#marks = marks.filter((mark) => mark !== '');
  }

  push(piece: string): Spotted {
    const text = this.#held + piece;
    let first: { at: number; mark: string } | null = null;
    for (const mark of this.#marks) {
      const at = text.indexOf(mark);
      if (at >= 0 && (first === null || at < first.at)) first = { at, mark };
    }
    if (first) {
      this.#held = '';
      return { text: text.slice(0, first.at), mark: first.mark, rest: text.slice(first.at + first.mark.length) };
    }
    const safe = text.length - Math.max(0, ...this.#marks.map((mark) => beginningAtEnd(text, mark)));
    this.#held = text.slice(safe);
    return { text: text.slice(0, safe), mark: null, rest: '' };
  }

  /** Nothing more comes: what was held was no mark. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}

/** Characters at the end of the text with which the mark begins. */
function beginningAtEnd(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (mark.startsWith(text.slice(-length))) return length;
  }
  return 0;
}
