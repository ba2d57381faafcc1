import type { GenerationId } from '../../ports/generations.ts';
import type { Append, AppendOutcome } from '../../ports/token-log.ts';

/** What this process is writing, kept beside the logs so that counting them asks nobody. */
export class OwnLogs {
  readonly #ttlMs: number;
  readonly #logs = new Map<GenerationId, { bytes: number; until: number }>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  opened(id: GenerationId, bytes: number): void {
    this.#logs.set(id, { bytes, until: performance.now() + this.#ttlMs });
  }

  appended(batch: readonly Append[], outcomes: readonly AppendOutcome[]): void {
    for (let n = 0; n < batch.length; n++) {
      const { id, epoch, text, reasoning } = batch[n]!;
      const outcome = outcomes[n]!;
      const log = this.#logs.get(id);
      if (!log) continue;
      if (outcome.kind === 'appended') log.bytes += text.length + reasoning.length;
      else if (outcome.kind === 'refused' && outcome.epoch > epoch) this.#logs.delete(id);
    }
  }

  left(id: GenerationId): void {
    this.#logs.delete(id);
  }

  stats(): { logs: number; bytes: number } {
    const now = performance.now();
    let bytes = 0;
    for (const [id, log] of this.#logs) {
      if (log.until < now) this.#logs.delete(id);
      else bytes += log.bytes;
    }
    return { logs: this.#logs.size, bytes };
  }
}
