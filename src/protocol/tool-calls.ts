/**
 * Calls that a model asks for stand behind the words of its answer, in the same text: each is a record
 * separator (U+001E), its id, a unit separator (U+001F), the function's name, another, and its arguments as
 * JSON until the next record or the end. So they are logged, followed, resumed and stored like any text. JSON
 * holds neither character raw, and they are taken out of what models say.
 */
const RECORD = '\u001e';
const UNIT = '\u001f';
const SEPARATORS = /[\u001e\u001f]/g;

/** `arguments`: JSON, as the model wrote it. */
export type ToolCall = { id: string; name: string; arguments: string };

export type ToolCallPart = { kind: 'call'; id: string; name: string } | { kind: 'arguments'; text: string };

export function encodeToolCallPart(part: ToolCallPart): string {
  if (part.kind === 'call') return RECORD + withoutSeparators(part.id) + UNIT + withoutSeparators(part.name) + UNIT;
  return withoutSeparators(part.text);
}

export function withoutSeparators(text: string): string {
  return text.includes(RECORD) || text.includes(UNIT) ? text.replaceAll(SEPARATORS, '') : text;
}

export type AnswerPart = { kind: 'text'; text: string } | ({ index: number } & ToolCallPart);

/** Parts words from calls as the text comes, in whatever pieces. */
export class ToolCallReader {
  #state: 'text' | 'header' | 'arguments' = 'text';
  #header = '';
  #index = -1;

  read(text: string): AnswerPart[] {
    const parts: AnswerPart[] = [];
    let rest = text;
    while (rest !== '') {
      const end = rest.indexOf(RECORD);
      const piece = end < 0 ? rest : rest.slice(0, end);
      rest = end < 0 ? '' : rest.slice(end + 1);
      if (piece !== '') this.#take(piece, parts);
      if (end >= 0) {
        this.#state = 'header';
        this.#header = '';
        this.#index += 1;
      }
    }
    return parts;
  }

  #take(piece: string, parts: AnswerPart[]): void {
    const index = this.#index;
    if (this.#state === 'text') parts.push({ kind: 'text', text: piece });
    else if (this.#state === 'arguments') parts.push({ index, kind: 'arguments', text: piece });
    else {
      this.#header += piece;
      const [id = '', name, ...begun] = this.#header.split(UNIT);
      if (name === undefined || begun.length === 0) return;
      this.#state = 'arguments';
      parts.push({ index, kind: 'call', id, name });
      const text = begun.join('');
      if (text !== '') parts.push({ index, kind: 'arguments', text });
    }
  }
}

/** Of a whole answer, or of what there is of it. */
export function splitToolCalls(answer: string): { text: string; toolCalls: readonly ToolCall[] } {
  let text = '';
  const toolCalls: ToolCall[] = [];
  for (const part of new ToolCallReader().read(answer)) {
    if (part.kind === 'text') text += part.text;
    else if (part.kind === 'call') toolCalls.push({ id: part.id, name: part.name, arguments: '' });
    else toolCalls[part.index]!.arguments += part.text;
  }
  return { text, toolCalls };
}
