import type { Clock } from '../ports/clock.ts';
import type { TokenLog } from '../ports/token-log.ts';
import { portFailed } from '../telemetry/events.ts';
import type { AnswerWriter } from './answer-writer.ts';

/** Milliseconds: the window at rest, and as wide as it may grow under load. */
export type FlushSettings = { windowMs: number; windowMaxMs: number };

/**
 * Moves what the writers of one process have into the token log, all of them in one batch per window:
 * cost is per write, hardly per byte. The first words of an answer do not wait for the window. The
 * window widens while flushing takes a large share of it, and narrows again.
 */
export class AnswerFlusher {
  readonly #ports: { log: TokenLog; clock: Clock };
  readonly #settings: FlushSettings;
  readonly #dirty = new Set<AnswerWriter>();
  #windowMs: number;
  #timer: AbortController | null = null;
  #flushing = false;
  /** Somebody could not wait for the window while a batch was under way. */
  #isUrgent = false;

  constructor(ports: { log: TokenLog; clock: Clock }, settings: FlushSettings) {
    this.#ports = ports;
    this.#settings = settings;
    this.#windowMs = settings.windowMs;
  }

  get windowMs(): number {
    return this.#windowMs;
  }

  /** The writer has something. `at-once` for an ending; a writer's first words are sent at once anyway. */
  schedule(writer: AnswerWriter, urgency: 'window' | 'at-once' = 'window'): void {
    this.#dirty.add(writer);
    const isUrgent = urgency === 'at-once' || writer.fresh;
    if (this.#flushing) {
      this.#isUrgent ||= isUrgent;
    } else if (isUrgent) {
      this.#timer?.abort();
      this.#timer = null;
      this.#flushing = true;
      queueMicrotask(() => void this.#flush());
    } else if (!this.#timer) {
      void this.#flushAfter(this.#windowMs);
    }
  }

  /** Resolves when the log holds all of it, has refused it, or could not be reached for `patienceMs`. */
  async flush(writer: AnswerWriter, patienceMs: number): Promise<void> {
    if (!writer.dirty) return;
    this.schedule(writer, 'at-once');
    const patience = new AbortController();
    const outOfPatience = this.#ports.clock.sleep(patienceMs, patience.signal).catch(() => {});
    await Promise.race([writer.clean(), outOfPatience]);
    patience.abort();
  }

  async #flushAfter(ms: number): Promise<void> {
    const timer = new AbortController();
    this.#timer = timer;
    const due = this.#ports.clock.now() + ms;
    try {
      await this.#ports.clock.sleep(ms, timer.signal);
    } catch {
      return; // Somebody else's urgency flushes everything.
    }
    if (this.#timer !== timer) return;
    this.#timer = null;
    this.#flushing = true;
    await this.#flush(this.#ports.clock.now() - due);
  }

  async #flush(lateMs = 0): Promise<void> {
    const started = this.#ports.clock.now();
    const writers = [...this.#dirty].filter((writer) => writer.dirty);
    this.#dirty.clear();
    this.#isUrgent = false;
    await this.#send(writers);
    this.#adapt(lateMs + this.#ports.clock.now() - started);
    this.#flushing = false;
    for (const writer of writers) if (writer.dirty) this.#dirty.add(writer);
    if (this.#dirty.size > 0) await this.#flushAfter(this.#isUrgent ? 0 : this.#windowMs);
  }

  /** Where the log could not be reached its writers keep everything and try again. */
  async #send(writers: readonly AnswerWriter[]): Promise<void> {
    if (writers.length === 0) return;
    try {
      const batch = writers.map((writer) => writer.nextAppend());
      const outcomes = await this.#ports.log.append(batch);
      for (const [index, writer] of writers.entries()) {
        await writer.settle(this.#ports.log, batch[index]!, outcomes[index]!);
        this.#isUrgent ||= outcomes[index]!.kind === 'refused' && writer.dirty;
      }
      const failed = outcomes.find((outcome) => outcome.kind === 'failed');
      if (failed) portFailed({ port: 'log', operation: 'append', error: failed.error });
    } catch (error) {
      portFailed({ port: 'log', operation: 'append', error });
    }
  }

  #adapt(busyMs: number): void {
    const share = busyMs / this.#windowMs;
    const { windowMs, windowMaxMs } = this.#settings;
    if (share > 0.5) this.#windowMs = Math.min(windowMaxMs, this.#windowMs * 1.5);
    else if (share < 0.2) this.#windowMs = Math.max(windowMs, this.#windowMs / 1.2);
  }
}
