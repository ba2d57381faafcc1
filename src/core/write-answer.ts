import { firstToken } from '../telemetry/events.ts';
import type { Interruption, Run } from './run.ts';

/** More of the answer, as it is stored and told. */
export function writeAnswer(run: Run, channel: 'text' | 'reasoning', text: string): void {
  const { host, writer, running, figures, generation } = run;
  figures.lastAt = host.ports.clock.now();
  if (figures.firstAt === null) {
    figures.firstAt = figures.lastAt;
    firstToken({ generation: generation.id, lane: generation.lane, ms: figures.firstAt - generation.createdAt });
  }
  // PostgreSQL refuses NUL, and the log equals what is stored.
  writer[channel].appendText(text.includes('\0') ? text.replaceAll('\0', '') : text);
  host.flusher.schedule(writer);
  if (writer.isFenced) running.abort.abort('lost' satisfies Interruption);
}
