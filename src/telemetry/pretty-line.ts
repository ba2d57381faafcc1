import { styleText } from 'node:util';

const COLOURS = { fatal: 'red', error: 'red', warn: 'yellow', info: 'green', debug: 'blue', trace: 'gray' } as const;

/** One JSON log line as a line for people. What is not JSON passes unchanged. */
export function prettyLine(line: string): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { level, time, msg, err, error, ...fields } = record;
  const name = String(level);
  const colour = COLOURS[name as keyof typeof COLOURS] ?? 'white';
  const details = Object.entries(fields).map(([key, value]) => styleText('dim', `${key}=${plain(value)}`));
  const head = [String(time).slice(11, 19), styleText(colour, name.padEnd(5)), String(msg ?? ''), ...details].join(' ');
  return `${[head, ...[err, error].filter(Boolean).map(stackOf)].join('\n')}\n`;
}

function plain(value: unknown): string {
  return typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value);
}

function stackOf(error: unknown): string {
  const { stack, message, cause } = error as { stack?: string; message?: string; cause?: unknown };
  const own = (stack ?? message ?? String(error)).replace(/^/gm, '    ');
  return cause ? `${own}\n    caused by:\n${stackOf(cause)}` : own;
}
