import type { Generation, GenerationId, GenerationRef, Generations, WorkspaceId } from '../ports/generations.ts';
import type { Inboxes } from '../ports/inboxes.ts';
import { ChatError } from '../protocol/errors.ts';
import { isTerminal } from '../protocol/generation.ts';
import { portFailed, stopped } from '../telemetry/events.ts';
import { type DispatchSettings, dispatchWindow } from './dispatch.ts';
import { type SettlePorts, settleTerminal } from './settle-terminal.ts';

export type StopPorts = SettlePorts & { generations: Generations; inboxes: Inboxes };
export type StopSettings = { dispatch: DispatchSettings; stopAckTimeoutMs: number };

const SETTLE_POLL_MS = 20;

/**
 * Stops for good: the mark is durable, what was written is kept, and a generation that has ended is
 * answered as it ended. The owner is told and normally has stopped when this resolves; otherwise its
 * heartbeat finds the mark.
 */
export async function stopGeneration(
  ports: StopPorts,
  settings: StopSettings,
  workspaceId: WorkspaceId,
  id: GenerationId,
): Promise<Generation> {
  const found = await ports.generations.find(id);
  if (!found || found.workspaceId !== workspaceId) throw new ChatError('generation_not_found');
  const generation = await stopKnown(ports, settings, found);
  if (!generation) throw new ChatError('generation_not_found');
  return generation;
}

/** The same for a generation whose caller is known to be allowed to. Null: no such generation. */
export async function stopKnown(
  ports: StopPorts,
  settings: StopSettings,
  ref: GenerationRef,
): Promise<Generation | null> {
  const outcome = await ports.generations.stop(ref, await dispatchWindow(ports, settings.dispatch));
  if (!outcome) return null;
  const { id } = ref;
  if (outcome.kind === 'cancelled') {
    stopped({ generation: id, result: 'queued' });
    await settleTerminal(ports, settings.dispatch, outcome.generation, outcome.dispatched);
    return outcome.generation;
  }
  if (outcome.kind === 'terminal') {
    stopped({ generation: id, result: 'finished' });
    return outcome.generation;
  }
  const acknowledged = await ports.inboxes
    .tell(outcome.owner, { kind: 'stop', id }, settings.stopAckTimeoutMs)
    .catch((error: unknown) => {
      portFailed({ port: 'inboxes', operation: 'tell', error });
      return false;
    });
  stopped({ generation: id, result: acknowledged ? 'acknowledged' : 'unacknowledged' });
  return acknowledged ? await afterOwner(ports, settings, outcome.generation) : outcome.generation;
}

/** The owner has obeyed; its last transaction follows within moments. */
async function afterOwner(ports: StopPorts, settings: StopSettings, marked: Generation): Promise<Generation> {
  let latest = marked;
  for (let waited = 0; waited < settings.stopAckTimeoutMs && !isTerminal(latest.state); waited += SETTLE_POLL_MS) {
    await ports.clock.sleep(SETTLE_POLL_MS);
    latest = (await ports.generations.find(marked.id)) ?? latest;
  }
  return latest;
}
