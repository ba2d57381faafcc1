import type { Clock } from '../../ports/clock.ts';
import { type LineView, MEAN_OVER, type WaitingLine } from '../../ports/waiting-line.ts';
import type { Lane } from '../../protocol/generation.ts';

const WINDOW_MS = 60_000;
/** The window is counted in slices of this length, so that its memory does not grow with the rate. */
const SLICE_MS = 500;

type Slice = { start: number; count: number; tokens: number };
type Line = { drawn: number; served: number; meanTokens: number | null; slices: Slice[] };

export class MemoryWaitingLine implements WaitingLine {
  readonly #clock: Clock;
  readonly #lines: Record<Lane, Line> = { stream: newLine(), chat: newLine(), batch: newLine() };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async draw(lane: Lane, tokens: readonly (number | null)[]): Promise<number> {
    const line = this.#lines[lane];
    const first = line.drawn + 1;
    line.drawn += tokens.length;
    for (const each of tokens) if (each !== null) line.meanTokens = mean(line.meanTokens, each);
    return first;
  }

  async serve(lane: Lane, ticket: number, tokens: number): Promise<void> {
    const line = this.#lines[lane];
    line.served = Math.max(line.served, ticket);
    line.drawn = Math.max(line.drawn, line.served);
    const now = this.#clock.now();
    const newest = line.slices.at(-1);
    if (newest && now - newest.start < SLICE_MS) {
      newest.count += 1;
      newest.tokens += tokens;
    } else line.slices.push({ start: now, count: 1, tokens });
    this.#forgetOld(line, now);
  }

  async look(lane: Lane): Promise<LineView> {
    const line = this.#lines[lane];
    const now = this.#clock.now();
    this.#forgetOld(line, now);
    const { drawn, served, meanTokens, slices } = line;
    return { drawn, served, meanTokens, ...ratesOf(slices, now) };
  }

  #forgetOld({ slices }: Line, now: number): void {
    while (slices[0] && now - slices[0].start > WINDOW_MS) slices.shift();
  }
}

/** From the oldest in the window until now; a single one, or a first moment, tells nothing. */
function ratesOf(slices: readonly Slice[], now: number): Pick<LineView, 'ratePerSecond' | 'tokensPerSecond'> {
  const served = slices.reduce((sum, slice) => sum + slice.count, 0);
  const tokens = slices.reduce((sum, slice) => sum + slice.tokens, 0);
  const elapsedMs = now - (slices[0]?.start ?? now);
  if (served < 2 || elapsedMs < SLICE_MS) return { ratePerSecond: null, tokensPerSecond: null };
  const ratePerSecond = ((served - 1) / elapsedMs) * 1000;
  return { ratePerSecond, tokensPerSecond: (ratePerSecond * tokens) / served };
}

function mean(before: number | null, tokens: number): number {
  return before === null ? tokens : before + (tokens - before) / MEAN_OVER;
}

function newLine(): Line {
  return { drawn: 0, served: 0, meanTokens: null, slices: [] };
}
