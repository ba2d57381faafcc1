/**
 * Parts a model's output into reasoning and answer. Models write `<think>`, a line break, what they think, a
 * line break, `</think>` and an empty line; the marks and the white space around them belong to neither channel.
 */
export type Split = { text: string; reasoning: string };

export const THINK_OPEN = '<think>';
export const THINK_CLOSE = '</think>';

type State =
  /** Nothing but white space yet: a think mark may still come. */
  | 'undecided'
  | 'thinking'
  /** Behind the closing mark: white space is dropped until the answer begins. */
  | 'between'
  | 'answering';

export class ReasoningSplitter {
  #state: State;
  /** Not given out yet: it may turn out to be part of a mark or of the white space before one. */
  #held = '';
  #reasoningBegun: boolean;

  /** `prefix`: what the output goes on behind. `promptOpens`: the prompt itself ends with the opening mark. */
  constructor(prefix: Split, promptOpens: boolean) {
    if (prefix.text !== '') this.#state = 'answering';
    else this.#state = prefix.reasoning !== '' || promptOpens ? 'thinking' : 'undecided';
    this.#reasoningBegun = prefix.reasoning !== '';
  }

  push(piece: string): Split {
    if (this.#state === 'answering') return { text: piece, reasoning: '' };
    this.#held += piece;
    const out: Split = { text: '', reasoning: '' };
    while (this.#advance(out));
    return out;
  }

  /** The output has ended: what was held was no mark. */
  flush(): Split {
    const held = this.#held;
    this.#held = '';
    if (this.#state === 'thinking') return { text: '', reasoning: this.#reasoning(held.trimEnd()) };
    return { text: this.#state === 'between' ? '' : held, reasoning: '' };
  }

  /** One step of the machine; false when more output is needed. */
  #advance(out: Split): boolean {
    if (this.#state === 'undecided') return this.#decide();
    if (this.#state === 'thinking') return this.#think(out);
    if (this.#state === 'between') {
      this.#held = this.#held.trimStart();
      if (this.#held === '') return false;
      this.#state = 'answering';
    }
    out.text += this.#held;
    this.#held = '';
    return false;
  }

  #decide(): boolean {
    const begun = this.#held.trimStart();
    if (begun.startsWith(THINK_OPEN)) {
      this.#held = begun.slice(THINK_OPEN.length);
      this.#state = 'thinking';
      return true;
    }
    if (THINK_OPEN.startsWith(begun)) return false;
    this.#state = 'answering';
    return true;
  }

  #think(out: Split): boolean {
    const close = this.#held.indexOf(THINK_CLOSE);
    if (close >= 0) {
      out.reasoning += this.#reasoning(this.#held.slice(0, close).trimEnd());
      this.#held = this.#held.slice(close + THINK_CLOSE.length);
      this.#state = 'between';
      return true;
    }
    const safe = endOfSafePart(this.#held, THINK_CLOSE);
    out.reasoning += this.#reasoning(this.#held.slice(0, safe));
    this.#held = this.#held.slice(safe);
    return false;
  }

  #reasoning(text: string): string {
    const trimmed = this.#reasoningBegun ? text : text.trimStart();
    if (trimmed !== '') this.#reasoningBegun = true;
    return trimmed;
  }
}

export type OutputPart = { mark: string } | { text: string };

/** The output that would have led to this prefix, for a model to go on behind; marks are the model's own tokens. */
export function joinReasoning(prefix: Split, promptOpens: boolean): OutputPart[] {
  const parts: OutputPart[] = [];
  if (prefix.reasoning !== '') {
    if (!promptOpens) parts.push({ mark: `${THINK_OPEN}\n` });
    parts.push({ text: prefix.reasoning });
  }
  if (prefix.text !== '') {
    if (prefix.reasoning !== '' || promptOpens) parts.push({ mark: `\n${THINK_CLOSE}\n\n` });
    parts.push({ text: prefix.text });
  }
  return parts;
}

/** Where text begins that may yet turn out to be `mark`, or white space before it. */
function endOfSafePart(text: string, mark: string): number {
  let end = text.length;
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (mark.startsWith(text.slice(-length))) {
      end -= length;
      break;
    }
  }
  return text.slice(0, end).trimEnd().length;
}
