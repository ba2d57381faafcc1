import { formatBytes, formatDuration } from './format-units.ts';

export type Progress = { bytes: number; total: number | null };

type Screen = { isTTY?: boolean; columns?: number; write(text: string): unknown };

/** A terminal is redrawn this often; a file or a pipe gets a line this often. */
const REDRAW_MS = 100;
const LINE_MS = 5000;

/**
 * A long step for people: what it is, size, rate and time left. On a terminal one line that is redrawn;
 * elsewhere a line now and then. Call `update` as often as you like, and `end` once.
 */
export function progressBar(label: string, screen: Screen = process.stderr, now: () => number = Date.now) {
  const started = now();
  let first: { at: number; bytes: number } | null = null;
  let drawn = Number.NEGATIVE_INFINITY;
  let last: Progress = { bytes: 0, total: null };
  const terminal = screen.isTTY === true;

  const describe = (at: number): string => {
    const { bytes, total } = last;
    const size = total === null ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(total)}`;
    // Resumed downloads begin in the middle: the rate counts what came since.
    const rate = first !== null && at > first.at ? ((bytes - first.bytes) / (at - first.at)) * 1000 : 0;
    const left = total !== null && rate > 0 ? `, ${formatDuration(((total - bytes) / rate) * 1000)} left` : '';
    return rate > 0 ? `${size}, ${formatBytes(rate)}/s${left}` : size;
  };
  const draw = (at: number) => {
    drawn = at;
    const text = describe(at);
    if (!terminal) {
      screen.write(`${label}: ${text}\n`);
      return;
    }
    const { bytes, total } = last;
    const fraction = total === null || total === 0 ? null : Math.min(1, bytes / total);
    const bar =
      fraction === null ? '' : ` ${drawBar(fraction, 24)} ${String(Math.floor(fraction * 100)).padStart(3)} %`;
    screen.write(`\r\x1b[K${`${label}${bar}  ${text}`.slice(0, (screen.columns ?? 80) - 1)}`);
  };

  return {
    update(progress: Progress): void {
      last = progress;
      const at = now();
      first ??= { at, bytes: progress.bytes };
      if (at - drawn >= (terminal ? REDRAW_MS : LINE_MS)) draw(at);
    },
    /** Leaves one line that says how it ended. */
    end(result = 'done'): void {
      const line = `${label}: ${result} (${formatBytes(last.bytes)}, ${formatDuration(now() - started)})\n`;
      screen.write(terminal ? `\r\x1b[K${line}` : line);
    },
  };
}

function drawBar(fraction: number, width: number): string {
  const filled = Math.round(fraction * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
}
