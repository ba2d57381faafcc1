import { randomUUID } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import { createParser, type EventSourceParser, type ParseError } from 'eventsource-parser';
import type { InferenceSink } from '../../ports/inference.ts';
import type { Usage } from '../../protocol/generation.ts';
import type { CompletionChunk, ToolCallDelta, UpstreamUsage } from './completion-chunk.ts';
import { TextEvents } from './text-events.ts';
import { failedInside, inferenceError } from './upstream-errors.ts';

export type Completion = { finishReason: 'stop' | 'length' | 'tool_calls'; usage: Usage; model: string | undefined };

/**
 * What must be known while the server has not said it. `strippedSpace`: of the prefix, which was sent without.
 * `reasoning`: what comes under that name. Behind text it is `text`, of a server that looks for the end of a reasoning
 * that was not begun; where the prefix was nothing but space it is `known`, since all is said anew.
 */
export type Estimates = { promptTokens: number; strippedSpace: string; reasoning: 'reasoning' | 'text' | 'known' };

/** Characters of one event, and of one answer: beyond them it is not an answer. */
const LONGEST_EVENT = 16 * 1024 * 1024;
const LONGEST_ANSWER = 32 * 1024 * 1024;
const DATA = 'data: ';

/**
 * Reads one streamed completion. It is whole only when the server gave a reason of the model's own for its end:
 * failed streams of real servers end with 200 and `[DONE]` as well.
 */
export class CompletionStream {
  readonly #sink: InferenceSink;
  readonly #estimates: Estimates;
  readonly #decoder = new StringDecoder('utf8');
  readonly #parser: EventSourceParser;
  readonly #textEvents = new TextEvents();
  #usage: UpstreamUsage | null = null;
  #model: string | undefined;
  #finishReason: string | null = null;
  #isPrompted = false;
  /** Tokens handed on, by the server's count where it gives one with every event. */
  #tokens = 0;
  #characters = 0;
  /** First halves of a character that came in two events. */
  #halves = { text: '', reasoning: '' };
  /** Space at the prefix's end that the model may say again. */
  #saidSpace: string;
  /** Of the call whose arguments come now. */
  #callIndex = -1;
  /** The parser holds nothing: what comes now begins an event. */
  #isBetweenEvents = true;
  isDone = false;

  constructor(sink: InferenceSink, estimates: Estimates) {
    this.#sink = sink;
    this.#estimates = estimates;
    this.#saidSpace = estimates.strippedSpace;
    this.#parser = createParser({
      onEvent: ({ data }) => this.#event(data),
      onError: (error) => this.#strange(error),
      maxBufferSize: LONGEST_EVENT,
    });
  }

  get hasBegun(): boolean {
    return this.#isPrompted;
  }

  /** Throws the InferenceError that the server put into it, and what the sink throws. */
  feed(bytes: Buffer): void {
    const text = this.#decoder.write(bytes);
    const rest = this.#isBetweenEvents ? text.slice(this.#plainEvents(text)) : text;
    if (rest !== '') this.#parser.feed(rest);
    this.#isBetweenEvents = text.endsWith('\n\n');
  }

  /** Whole events of one line of data each, which is what servers send, cost no parser. Where the first other begins. */
  #plainEvents(text: string): number {
    let at = 0;
    if (text.includes('\r')) return at;
    while (text.startsWith(DATA, at)) {
      const end = text.indexOf('\n', at);
      if (end < 0 || text[end + 1] !== '\n') return at;
      this.#event(text.slice(at + DATA.length, end));
      at = end + 2;
    }
    return at;
  }

  /** A whole completion in one piece, from a server that does not stream. */
  feedWhole(body: string): void {
    this.#event(body);
    this.isDone = true;
  }

  /** At `[DONE]` or the end of the body. */
  end(): Completion {
    const reason = this.#finishReason;
    if (reason === null) {
      // An empty answer is a server's way to swallow an overflow, or a crash.
      throw inferenceError(this.#isPrompted ? 'stream_cut' : 'engine', new Error('It ended without a reason.'));
    }
    if (reason !== 'stop' && reason !== 'length' && reason !== 'tool_calls') {
      throw inferenceError(KINDS_OF_ENDS[reason] ?? 'engine', new Error(`It ended for '${reason}'.`));
    }
    this.#prompted();
    const usage = {
      promptTokens: this.#usage?.prompt_tokens ?? this.#estimates.promptTokens,
      reusedTokens: this.#usage?.prompt_tokens_details?.cached_tokens ?? 0,
      completionTokens: this.#usage?.completion_tokens ?? this.#tokens,
    };
    return { finishReason: reason, usage, model: this.#model };
  }

  #event(data: string): void {
    if (this.isDone) return;
    const text = this.#textEvents.read(data);
    if (text !== null) {
      this.#emit(text.channel, text.piece, text.completionTokens);
      return;
    }
    if (data === '[DONE]') {
      this.isDone = true;
      return;
    }
    const chunk = parseChunk(data);
    if (chunk.error !== undefined && chunk.error !== null) throw failedInside(chunk.error);
    if (chunk.object === 'error') throw failedInside(chunk);
    this.#model ??= chunk.model;
    if (chunk.usage) this.#usage = chunk.usage;
    this.#choice(chunk, data);
  }

  #choice({ choices, usage }: CompletionChunk, data: string): void {
    const choice = choices?.[0];
    if (!choice) return;
    const words = choice.delta ?? choice.message;
    const reasoning = words?.reasoning_content ?? words?.reasoning ?? '';
    const text = words?.content ?? choice.text ?? '';
    const calls = words?.tool_calls ?? [];
    const total = usage?.completion_tokens ?? null;
    if (reasoning) this.#emit('reasoning', reasoning, total);
    if (text) this.#emit('text', text, total);
    for (const call of calls) this.#call(call, total);
    if (choice.finish_reason) this.#finishReason = choice.finish_reason;
    else if (calls.length === 0 && (text === '') !== (reasoning === '')) {
      this.#textEvents.learn(data, text ? 'text' : 'reasoning', text || reasoning, usage);
    }
  }

  /** llama-server writes `error: {…}`, others a bare line of JSON. */
  #strange({ type, line = '' }: ParseError): void {
    if (type === 'max-buffer-size-exceeded') throw inferenceError('engine', new Error('an event is too long'));
    const at = line.indexOf('{');
    if (type !== 'unknown-field' || at < 0 || !line.includes('error')) return;
    throw failedInside(parseChunk(line.slice(at)).error ?? parseChunk(line.slice(at)));
  }

  #prompted(): void {
    if (this.#isPrompted) return;
    this.#isPrompted = true;
    const prompt = this.#usage?.prompt_tokens ?? this.#estimates.promptTokens;
    this.#sink.prompted(prompt, this.#usage?.prompt_tokens_details?.cached_tokens ?? 0);
  }

  /** Servers send one call after the other. */
  #call({ index = 0, id, function: called }: ToolCallDelta, total: number | null): void {
    if (index < this.#callIndex) throw inferenceError('engine', new Error('calls of functions are mixed'));
    this.#prompted();
    const tokens = this.#count(total);
    if (index > this.#callIndex) {
      this.#callIndex = index;
      this.#sink.toolCall({ kind: 'call', id: id ?? `call_${randomUUID()}`, name: called?.name ?? '' }, tokens);
    }
    if (called?.arguments) this.#sink.toolCall({ kind: 'arguments', text: called.arguments }, 0);
  }

  /** Tokens since the last event. */
  #count(total: number | null): number {
    const tokens = Math.max(0, (total ?? this.#tokens + 1) - this.#tokens);
    this.#tokens += tokens;
    return tokens;
  }

  #emit(said: 'text' | 'reasoning', piece: string, total: number | null): void {
    this.#prompted();
    const channel = said === 'reasoning' ? this.#estimates.reasoning : said;
    if (channel === 'known') return void this.#count(total);
    this.#characters += piece.length;
    if (this.#characters > LONGEST_ANSWER) throw inferenceError('engine', new Error('the answer does not end'));
    let whole = this.#halves[channel] === '' ? piece : this.#halves[channel] + piece;
    this.#halves[channel] = '';
    const last = whole.charCodeAt(whole.length - 1);
    if (last >= 0xd800 && last <= 0xdbff) {
      this.#halves[channel] = whole.slice(-1);
      whole = whole.slice(0, -1);
    }
    if (channel === 'text' && this.#saidSpace !== '') whole = this.#withoutSaidSpace(whole);
    const tokens = this.#count(total);
    if (whole) this.#sink[channel](whole, tokens);
  }

  /** The model says again what was stripped of the prefix's end: once is enough. */
  #withoutSaidSpace(text: string): string {
    let same = 0;
    while (same < text.length && text[same] === this.#saidSpace[same]) same++;
    this.#saidSpace = same === text.length ? this.#saidSpace.slice(same) : '';
    return text.slice(same);
  }
}

/** Ends that no model has chosen. A filter refuses the same again. */
const KINDS_OF_ENDS: Partial<Record<string, 'stream_cut' | 'bad_request'>> = {
  abort: 'stream_cut',
  content_filter: 'bad_request',
};

function parseChunk(data: string): CompletionChunk {
  try {
    const chunk: unknown = JSON.parse(data);
    if (typeof chunk === 'object' && chunk !== null) return chunk;
  } catch (cause) {
    throw inferenceError('engine', cause);
  }
  throw inferenceError('engine', new Error('an event is no object'));
}
