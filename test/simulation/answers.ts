import type { GenerationId } from '../../src/ports/generations.ts';

/**
 * Of each answer when the log told its owner that it has which bytes, for how far readers are behind; virtual
 * milliseconds. What an earlier owner wrote may be lost with it, so a takeover begins anew.
 */
export class Answers {
  readonly #logged = new Map<GenerationId, { epoch: number; steps: { bytes: number; at: number }[] }>();
  /** The longest that a reader who was there waited for what the log had. */
  slowestMs = 0;
  /** The longest after its stop that an answer was written on. */
  writtenAfterStopMs = 0;

  /** `bytes`: how long the text is now. */
  logged(id: GenerationId, epoch: number, bytes: number, at: number): void {
    const known = this.#logged.get(id);
    if (known && known.epoch > epoch) return;
    if (known?.epoch === epoch) {
      if (bytes > known.steps.at(-1)!.bytes) known.steps.push({ bytes, at });
    } else this.#logged.set(id, { epoch, steps: [{ bytes, at }] });
  }

  takenOver(id: GenerationId): void {
    this.#logged.delete(id);
  }

  /** How long a reader who has been there since `since` waited for the byte behind `position`. */
  lag(id: GenerationId, position: number, since: number, now: number): number {
    const first = this.#logged.get(id)?.steps.find(({ bytes }) => bytes > position);
    const lag = first ? now - Math.max(first.at, since) : 0;
    this.slowestMs = Math.max(this.slowestMs, lag);
    return lag;
  }
}
