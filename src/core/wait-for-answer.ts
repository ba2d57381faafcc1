import type { Generation, GenerationRef } from '../ports/generations.ts';
import { START } from '../protocol/position.ts';
import { type FollowPorts, type FollowSettings, followGeneration } from './follow-generation.ts';

/** The terminal generation; rejects with the signal's reason when aborted before. */
export async function waitForAnswer(
  ports: FollowPorts,
  settings: FollowSettings,
  ref: GenerationRef,
  signal: AbortSignal,
): Promise<Generation> {
  for await (const event of followGeneration(ports, settings, ref, START, signal)) {
    if (event.kind === 'ended') return event.generation;
  }
  throw new Error('unreachable: a followed answer ends');
}
