import { randomUUID } from 'node:crypto';
import {
  type LlamaContextSequence,
  type LlamaGrammar,
  LlamaGrammarEvaluationState,
  type SequenceEvaluateOptions,
  type Token,
} from 'node-llama-cpp';
import type { ChatUpdate, EngineRequest } from './engine-messages.ts';
import { type Constraints, JSON_END } from './grammar.ts';
import type { LoadedModel } from './load-model.ts';
import { MarkSpotter } from './mark-spotter.ts';
import { ReasoningSplitter } from './reasoning-splitter.ts';
import { TokenText } from './token-text.ts';
import { CALL_CLOSE, CALL_OPEN } from './tool-prompt.ts';

/** One answer being made on one sequence: first its prompt is read in parts, then it is written token by token. */
export class ChatRun {
  readonly id: number;
  readonly sequence: LlamaContextSequence;
  cancelled = false;
  ended = false;
  readonly #loaded: LoadedModel;
  readonly #request: EngineRequest;
  readonly #prompt: readonly Token[];
  readonly #reused: number;
  readonly #limit: number;
  readonly #seed: number;
  readonly #characters: TokenText;
  /** Null: a completion, whose text is text whatever it says. */
  readonly #splitter: ReasoningSplitter | null;
  readonly #spotter: MarkSpotter;
  readonly #constraints: Constraints;
  /** What was written of a call of a function; null: it writes text. */
  #call: string | null;
  /** Takes over before the next token. */
  #nextGrammar: LlamaGrammar | null = null;
  /** Tokens of the answer so far, for the repeat penalty. */
  readonly #answer: Token[];
  #read: number;
  #written = 0;
  /** Written, and their text not given out yet. */
  #silent = 0;
  #generator: AsyncGenerator<Token, void> | null = null;
  #update: ChatUpdate | null = null;

  /** The sequence holds the first `reused` tokens of the prompt and nothing else. */
  constructor(
    loaded: LoadedModel,
    run: {
      id: number;
      request: EngineRequest;
      prompt: readonly Token[];
      sequence: LlamaContextSequence;
      reused: number;
      constraints: Constraints;
    },
  ) {
    const { request, prompt } = run;
    this.id = run.id;
    this.sequence = run.sequence;
    this.#loaded = loaded;
    this.#request = request;
    this.#prompt = prompt;
    this.#reused = run.reused;
    this.#read = run.reused;
    this.#seed = (request.seed ?? Math.floor(Math.random() * 2 ** 31)) % 2 ** 31;
    this.#limit = Math.min(request.maxTokens, loaded.contextSize - prompt.length);
    const { model, form } = loaded;
    this.#answer = model.tokenize(request.prefix.text);
    this.#characters = new TokenText(
      (tokens, preceding) => model.detokenize(tokens as Token[], false, preceding as Token[]),
      prompt,
    );
    const isPlain = request.form === 'completion';
    const { constraints } = run;
    this.#constraints = constraints;
    this.#call = constraints.mustCall ? '' : null;
    this.#splitter = isPlain || constraints.whole ? null : new ReasoningSplitter(request.prefix, form.opensReasoning);
    this.#spotter = new MarkSpotter([
      ...(request.stop ?? []),
      ...(constraints.whole ? [JSON_END] : []),
      ...(constraints.call ? [CALL_OPEN] : []),
    ]);
  }

  /** Prompt tokens that are still to be read; 0 once it writes. */
  get unread(): number {
    return this.#prompt.length - this.#read;
  }

  /** Reads that many tokens of the prompt; the last of them brings the first token of the answer. */
  async read(tokens: number): Promise<void> {
    const part = this.#prompt.slice(this.#read, this.#read + tokens);
    this.#read += part.length;
    if (this.unread > 0) return this.sequence.evaluateWithoutGeneratingNewTokens(part);
    this.#generator = this.sequence.evaluate(part, this.#sampling(this.#constraints.whole));
    const first = await this.#generator.next();
    this.#changed().prompted = { tokens: this.#prompt.length, reused: this.#reused };
    this.#accept(first);
  }

  async write(): Promise<void> {
    if (this.#nextGrammar) {
      await this.#generator!.return();
      this.#generator = this.sequence.evaluate([this.#answer.at(-1)!], this.#sampling(this.#nextGrammar));
      this.#nextGrammar = null;
    }
    this.#accept(await this.#generator!.next());
  }

  takeUpdate(): ChatUpdate | null {
    const update = this.#update;
    this.#update = null;
    return update;
  }

  async close(): Promise<void> {
    await this.#generator?.return();
  }

  #accept(next: IteratorResult<Token, void>): void {
    if (next.done) {
      this.#end('stop');
      return;
    }
    const token = next.value;
    const { form } = this.#loaded;
    this.#written++;
    this.#silent++;
    if (form.stops.has(token)) {
      this.#end('stop');
      return;
    }
    this.#answer.push(token);
    const mark = form.marks.get(token);
    this.#emit(mark === undefined ? this.#characters.push(token) : this.#characters.flush() + mark);
    if (this.ended) return;
    if (this.#written >= this.#limit) this.#end('length');
  }

  #emit(piece: string): void {
    if (piece === '') return;
    const { text, reasoning } = this.#splitter?.push(piece) ?? { text: piece, reasoning: '' };
    this.#give('reasoning', reasoning);
    if (text !== '') this.#say(text);
  }

  #say(piece: string): void {
    if (this.#call !== null) {
      this.#call += piece;
      if (this.#call.includes(CALL_CLOSE) || this.#call.includes(JSON_END)) this.#end('stop');
      return;
    }
    const { text, mark, rest } = this.#spotter.push(piece);
    this.#give('text', text);
    if (mark === null) return;
    if (mark !== CALL_OPEN) return void this.#end('stop');
    this.#call = rest;
    // Where its first token has said more than the mark, the model goes on by itself.
    if (rest.trim() === '') this.#nextGrammar = this.#constraints.call;
  }

  #give(channel: 'text' | 'reasoning', given: string): void {
    if (given === '') return;
    const before = this.#changed()[channel] ?? { text: '', tokens: 0 };
    this.#changed()[channel] = { text: before.text + given, tokens: before.tokens + this.#silent };
    this.#silent = 0;
  }

  /** False where it is none: the limit has cut it, or the model went on by itself and lost its way. */
  #giveCall(written: string): boolean {
    const call = parseCall(written.split(CALL_CLOSE, 1)[0]!);
    if (!call) return false;
    this.#changed().call = { ...call, id: `call_${randomUUID().replaceAll('-', '')}`, tokens: this.#silent };
    this.#silent = 0;
    return true;
  }

  #end(finishReason: 'stop' | 'length'): void {
    if (this.ended) return;
    this.ended = true;
    this.#flush();
    const written = this.#call;
    const hasCalled = written !== null && this.#giveCall(written);
    if (written !== null && !hasCalled) this.#give('text', CALL_OPEN + written);
    this.#changed().end = {
      finishReason: hasCalled ? 'tool_calls' : finishReason,
      usage: {
        promptTokens: this.#prompt.length,
        reusedTokens: this.#reused,
        completionTokens: this.#written,
      },
    };
  }

  /** Of an answer that a mark has ended nothing is left: what stands behind the mark is dropped. */
  #flush(): void {
    const rest = this.#characters.flush();
    if (this.#call !== null) {
      this.#call += rest;
      return;
    }
    const { text, reasoning } = this.#splitter?.flush() ?? { text: '', reasoning: '' };
    this.#give('reasoning', reasoning);
    const spotted = this.#spotter.push(rest + text);
    this.#give('text', spotted.text);
    if (spotted.mark === null) this.#give('text', this.#spotter.flush());
  }

  #changed(): ChatUpdate {
    this.#update ??= { id: this.id };
    return this.#update;
  }

  #sampling(grammar: LlamaGrammar | null): SequenceEvaluateOptions {
    const { temperature, topP, topK, minP, repeatPenalty } = this.#loaded.sampling;
    const { frequencyPenalty = 0, presencePenalty = 0 } = this.#request;
    const { model } = this.#loaded;
    return {
      ...(grammar && { grammarEvaluationState: new LlamaGrammarEvaluationState({ model, grammar }) }),
      temperature: this.#request.temperature ?? temperature,
      topP: this.#request.topP ?? topP,
      topK,
      minP,
      // One seed for the whole answer; without it the library starts its dice again every second.
      seed: this.#seed,
      // A form that is to be kept to repeats itself: quotes, names, brackets.
      ...(grammar || (repeatPenalty.penalty === 1 && frequencyPenalty === 0 && presencePenalty === 0)
        ? {}
        : {
            repeatPenalty: {
              penalty: repeatPenalty.penalty,
              frequencyPenalty,
              presencePenalty,
              maxPunishTokens: repeatPenalty.window,
              punishTokens: () => this.#answer.slice(-repeatPenalty.window),
            },
          }),
    };
  }
}

function parseCall(written: string): { name: string; arguments: string } | null {
  try {
    const { name, arguments: args } = JSON.parse(written) as { name?: unknown; arguments?: unknown };
    if (typeof name !== 'string') return null;
    return { name, arguments: JSON.stringify(args ?? {}) };
  } catch {
    return null;
  }
}
