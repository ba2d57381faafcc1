import type { Generation, GenerationJob } from '../ports/generations.ts';
import type { TokenBudgets } from '../ports/token-budgets.ts';
import type { TokenLog } from '../ports/token-log.ts';
import { portFailed } from '../telemetry/events.ts';
import { type DispatchPorts, type DispatchSettings, dispatch, dispatchNext } from './dispatch.ts';
import { settleTokens } from './token-budget.ts';

export type SettlePorts = DispatchPorts & { log: TokenLog; budgets: TokenBudgets };

/**
 * What follows a terminal state, whoever finds it: its log is closed, so that readers end, its user's next is
 * dispatched, and what it used of its key's budget counts. `dispatched`: those that the finishing transaction has already decided; absent where
 * that is not known to have happened. Never rejects: readers look at the row again, the sweeper at the user.
 */
export async function settleTerminal(
  ports: SettlePorts,
  settings: DispatchSettings,
  generation: Generation,
  dispatched?: readonly GenerationJob[],
): Promise<void> {
  const next = dispatched ? dispatch(ports, dispatched) : dispatchNext(ports, settings, generation.userId);
  const closed = ports.log.close(generation.id, generation.epoch).catch((error: unknown) => {
    portFailed({ port: 'log', operation: 'close', generation: generation.id, error });
  });
  await Promise.all([next, closed, settleTokens(ports, generation)]);
}
