import { MemoryTokenBudgets } from '../../src/adapters/memory/token-budgets.ts';
import { ManualClock } from './manual-clock.ts';
import { tokenBudgetsContract } from './token-budgets.contract.ts';

tokenBudgetsContract('memory', async () => {
  const clock = new ManualClock();
  return {
    budgets: new MemoryTokenBudgets(clock),
    pass: async (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {},
  };
});
