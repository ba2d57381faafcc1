import type { UpstreamUsage } from './completion-chunk.ts';

export type TextEvent = {
  channel: 'text' | 'reasoning';
  piece: string;
  /** By the server's count, where it comes with every event. */
  completionTokens: number | null;
};

type Shape = {
  channel: TextEvent['channel'];
  head: string;
  /** What follows the text: its parts between runs of digits where there are figures of usage, else as one. */
  tail: readonly string[];
  /** The part behind which the count of tokens stands; -1 without usage. */
  countedBehind: number;
};

const PLAIN = /^[\x20-\x7e]+$/;
const USAGE = '"usage":';
const ZERO = 0x30;
const COMPLETION_TOKENS = '"completion_tokens":';

/**
 * The events of one answer differ in their text and in figures of usage, hardly ever in anything else. The shape of
 * one that was parsed is remembered; an event of the same shape is its text between the same bytes, and is not
 * parsed: that would cost more than all else that is done for it.
 */
export class TextEvents {
  #shape: Shape | null = null;

  /** An event that held this text and nothing else to act on. */
  learn(data: string, channel: TextEvent['channel'], piece: string, usage: UpstreamUsage | null | undefined): void {
    this.#shape = null;
    // Only where there can be no doubt about which of its strings is the text.
    if (!PLAIN.test(piece)) return;
    const literal = JSON.stringify(piece);
    const start = data.indexOf(literal);
    if (start < 0 || data.indexOf(literal, start + 1) >= 0) return;
    const tail = data.slice(start + literal.length - 1);
    const hasUsage = Boolean(usage);
    if (hasUsage && (!tail.includes(USAGE) || !tail.includes(COMPLETION_TOKENS))) return;
    const parts = hasUsage ? tail.split(/\d+/) : [tail];
    const countedBehind = parts.findIndex((part) => part.endsWith(COMPLETION_TOKENS));
    this.#shape = { channel, head: data.slice(0, start + 1), tail: parts, countedBehind };
  }

  /** Null: of another shape. */
  read(data: string): TextEvent | null {
    const shape = this.#shape;
    if (shape === null || !data.startsWith(shape.head)) return null;
    const start = shape.head.length;
    let end = data.indexOf('"', start);
    if (end < 0) return null;
    let piece = data.slice(start, end);
    if (piece.includes('\\')) {
      end = closingQuote(data, start);
      piece = end < 0 ? '' : (parseLiteral(data.slice(start - 1, end + 1)) ?? '');
    }
    if (piece === '') return null;
    const completionTokens = readTail(data, end, shape);
    return completionTokens === undefined ? null : { channel: shape.channel, piece, completionTokens };
  }
}

/** The count in it, null where it has none; undefined: it is another tail. */
function readTail(data: string, start: number, { tail, countedBehind }: Shape): number | null | undefined {
  let at = start;
  let count: number | null = null;
  for (let part = 0; part < tail.length; part++) {
    if (!data.startsWith(tail[part]!, at)) return undefined;
    at += tail[part]!.length;
    if (part === tail.length - 1) break;
    const digits = at;
    let value = 0;
    for (let code = data.charCodeAt(at); isDigit(code); code = data.charCodeAt(++at)) value = value * 10 + code - ZERO;
    if (at === digits) return undefined;
    if (part === countedBehind) count = value;
  }
  return at === data.length ? count : undefined;
}

function closingQuote(data: string, start: number): number {
  for (let at = start; at < data.length; at++) {
    const code = data.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at;
  }
  return -1;
}

function parseLiteral(literal: string): string | null {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return null;
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code < ZERO + 10;
}
