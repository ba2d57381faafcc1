import { answerDirectly } from '../core/answer-directly.ts';
import type { Generation } from '../ports/generations.ts';
import { portFailed } from '../telemetry/events.ts';
import type { Http } from './http.ts';

/** Where that fails the sweeper finds it: it is accepted either way. */
export async function startHere(http: Http, generation: Generation): Promise<void> {
  await answerDirectly(http.deps.runner, generation).catch((error: unknown) =>
    portFailed({ port: 'line', operation: 'look', generation: generation.id, error }),
  );
}
