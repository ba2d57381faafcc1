import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import { LANES } from '../../protocol/generation.ts';
import { ChatRun } from './chat-run.ts';
import type { ChatUpdate, EngineOptions, EngineRequest } from './engine-messages.ts';
import { type Constraints, constraintsOf } from './grammar.ts';
import { IdleCores } from './idle-cores.ts';
import type { LoadedModel } from './load-model.ts';
import { PrefillPace, shareTokens } from './prefill-pace.ts';
import { chooseSequence } from './sequence-choice.ts';
import { plainMessages } from './tool-prompt.ts';

/**
 * Works on all chats in common steps. In each, every chat that writes gets one token, and the prompts being read
 * share a number of tokens that keeps the step short: so nobody waits for a whole prompt, and an abort is obeyed
 * between two steps.
 */
export class Scheduler {
  readonly #loaded: LoadedModel;
  readonly #options: EngineOptions;
  readonly #send: (updates: readonly ChatUpdate[]) => void;
  readonly #places: Place[];
  readonly #waiting: Waiting[] = [];
  /** Grammars are being made for these; who is taken out is cancelled. */
  readonly #preparing = new Set<number>();
  readonly #pace: PrefillPace;
  readonly #idleCores = new IdleCores();
  #working = false;
  #uses = 0;
  /** Steps done since the start. */
  steps = 0;

  constructor(loaded: LoadedModel, options: EngineOptions, send: (updates: readonly ChatUpdate[]) => void) {
    this.#loaded = loaded;
    this.#options = options;
    this.#send = send;
    this.#places = loaded.sequences.map((sequence) => ({ sequence, affinity: null, usedAt: 0, run: null }));
    const { decode, prefill } = loaded.threads;
    this.#pace = new PrefillPace({ few: decode, all: prefill }, loaded.prefillRate);
  }

  submit(id: number, request: EngineRequest): void {
    let prompt: Token[];
    try {
      prompt = this.#render(request);
    } catch (error) {
      // Some templates refuse an order of roles.
      this.#send([{ id, error: { kind: 'bad_request', message: (error as Error).message } }]);
      return;
    }
    const error = this.#refusal(request, prompt.length);
    if (error === null) void this.#prepare({ id, request, prompt });
    else this.#send([{ id, error }]);
  }

  #render(request: EngineRequest): Token[] {
    const { model, form } = this.#loaded;
    if (request.form !== 'completion') return form.render(plainMessages(request), request.prefix);
    const { bos, shouldPrependBosToken } = model.tokens;
    const text = request.messages.map(({ content }) => content).join('') + request.prefix.text;
    return [...(shouldPrependBosToken && bos !== null ? [bos] : []), ...model.tokenize(text)];
  }

  async #prepare(asked: Omit<Waiting, 'constraints'>): Promise<void> {
    const { id, request } = asked;
    this.#preparing.add(id);
    try {
      const constraints = await constraintsOf(this.#loaded.llama, request);
      if (!this.#preparing.delete(id)) return;
      this.#waiting.push({ ...asked, constraints });
      if (!this.#working) void this.#work();
    } catch (error) {
      if (this.#preparing.delete(id))
        this.#send([{ id, error: { kind: 'bad_request', message: (error as Error).message } }]);
    }
  }

  cancel(id: number): void {
    this.#preparing.delete(id);
    const index = this.#waiting.findIndex((waiting) => waiting.id === id);
    if (index >= 0) this.#waiting.splice(index, 1);
    const place = this.#places.find(({ run }) => run?.id === id);
    if (place?.run) place.run.cancelled = true;
  }

  count(texts: readonly string[]): number[] {
    return texts.map((text) => this.#loaded.model.tokenize(text).length);
  }

  get busy(): boolean {
    return this.#working;
  }

  #refusal(request: EngineRequest, promptTokens: number): NonNullable<ChatUpdate['error']> | null {
    const { contextSize } = this.#loaded;
    if (promptTokens >= contextSize) {
      return {
        kind: 'context_overflow',
        message: `The prompt has ${promptTokens} tokens; the window takes ${contextSize}, answer included.`,
      };
    }
    if (request.maxTokens < 1) return { kind: 'bad_request', message: 'At least one token must be asked for.' };
    const idle = this.#places.filter(({ run }) => run === null).length;
    if (this.#waiting.length + this.#preparing.size >= this.#options.maxWaiting + idle) {
      return { kind: 'overloaded', message: 'Too many requests wait for the model.', retryAfterMs: 1000 };
    }
    return null;
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (await this.#admit()) {
      const began = performance.now();
      const wrote = await this.#step();
      this.steps++;
      this.#report();
      await this.#release();
      const rest = this.#options.paceMs - (performance.now() - began);
      if (wrote && rest > 0) await sleep(rest);
      else await nextTurn();
    }
    this.#working = false;
  }

  /** Fills idle places; false when there is nothing to do. */
  async #admit(): Promise<boolean> {
    await this.#release();
    for (;;) {
      const idle = this.#places.filter(({ run }) => run === null);
      const next = idle.length > 0 ? this.#nextWaiting() : null;
      if (next === null) break;
      await this.#place(next, idle);
    }
    // What was cancelled or failed on its way to a place takes no part in the step.
    await this.#release();
    return this.#places.some(({ run }) => run !== null) || this.#waiting.length > 0;
  }

  /** The most urgent lane's oldest. */
  #nextWaiting(): Waiting | null {
    for (const lane of LANES) {
      const index = this.#waiting.findIndex(({ request }) => request.lane === lane);
      if (index >= 0) return this.#waiting.splice(index, 1)[0]!;
    }
    return null;
  }

  async #place({ id, request, prompt, constraints }: Waiting, idle: readonly Place[]): Promise<void> {
    const candidates = idle.map(({ sequence, affinity, usedAt }) => ({
      affinity,
      usedAt,
      cached: sequence.nextTokenIndex,
      // The last token is always read again: its outcome is where the answer begins.
      shared: Math.min(sequence.compareContextTokens(prompt).firstDifferentIndex, prompt.length - 1),
    }));
    const index = chooseSequence(candidates, prompt.length, request.affinity);
    const place = idle[index]!;
    const { sequence } = place;
    const reused = candidates[index]!.shared;
    place.affinity = request.affinity;
    // In its place before anything is awaited: a cancel looks for it there.
    const run = new ChatRun(this.#loaded, { id, request, prompt, sequence, reused, constraints });
    place.run = run;
    await this.#guard(run, sequence.eraseContextTokenRanges([{ start: reused, end: sequence.nextTokenIndex }]));
  }

  /** True where a chat wrote a token. */
  async #step(): Promise<boolean> {
    const runs = this.#places.flatMap(({ run }) => (run === null ? [] : [run]));
    const readers = runs.filter((run) => run.unread > 0).sort((a, b) => a.id - b.id);
    const writers = runs.filter((run) => run.unread === 0);
    const began = performance.now();
    const neighbours = writers.length;
    const part = this.#pace.next({ neighbours, idleCores: this.#idleCores.count, now: began });
    const shares = shareTokens(
      readers.map((run) => run.unread),
      part.tokens,
    );
    const threads = readers.length > 0 ? part.threads : this.#loaded.threads.decode;
    this.#loaded.llama.maxThreads = threads;
    // Calls of one turn are put into one batch.
    await Promise.all([
      ...writers.map((run) => this.#guard(run, run.write())),
      ...readers.map((run, index) => (shares[index]! > 0 ? this.#guard(run, run.read(shares[index]!)) : undefined)),
    ]);
    const tokens = shares.reduce((sum, share) => sum + share, 0);
    const now = performance.now();
    if (tokens > 0) this.#pace.measured({ threads, tokens: tokens + neighbours, ms: now - began, now });
    return writers.length > 0 || readers.some((run) => run.unread === 0);
  }

  /** A failure ends one answer and never the loop. */
  async #guard(run: ChatRun, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      run.ended = true;
      this.#send([{ id: run.id, error: { kind: 'engine', message: (error as Error).message } }]);
      // What the sequence holds is not known any more.
      await run.sequence.clearHistory().catch(() => undefined);
    }
  }

  /** One message a step for all chats. */
  #report(): void {
    const updates = this.#places.flatMap(({ run }) => {
      const update = run?.takeUpdate() ?? null;
      return update === null || run!.cancelled ? [] : [update];
    });
    if (updates.length > 0) this.#send(updates);
  }

  /** Frees the places of answers that ended or were cancelled; their tokens stay for the next turn. */
  async #release(): Promise<void> {
    for (const place of this.#places) {
      if (place.run === null || !(place.run.ended || place.run.cancelled)) continue;
      await place.run.close().catch(() => undefined);
      place.run = null;
      place.usedAt = ++this.#uses;
    }
  }
}

type Place = { sequence: LlamaContextSequence; affinity: string | null; usedAt: number; run: ChatRun | null };
type Waiting = { id: number; request: EngineRequest; prompt: Token[]; constraints: Constraints };
