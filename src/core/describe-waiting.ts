import type { Generation } from '../ports/generations.ts';
import type { WaitingLine } from '../ports/waiting-line.ts';
import { predictWait } from './predict-wait.ts';

/** Others ahead in the lane (0: next), and seconds until its turn where a rate is known. */
export type Waiting = { position: number; estimateSeconds: number | null };

/** Null where it does not wait in a line: running, terminal, or direct. */
export async function describeWaiting(ports: { line: WaitingLine }, generation: Generation): Promise<Waiting | null> {
  if (generation.state !== 'queued' || generation.direct) return null;
  const view = await ports.line.look(generation.lane);
  const position = Math.max(0, (generation.ticket ?? view.drawn + 1) - view.served - 1);
  const seconds = predictWait(view, position);
  return { position, estimateSeconds: seconds === null ? null : Math.ceil(seconds) };
}
