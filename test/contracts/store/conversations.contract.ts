import { describe } from 'vitest';
import { describeBranchesContract } from './branches.contract.ts';
import { describeConversationListContract } from './conversation-list.contract.ts';
import { describeConversationRemovalContract } from './conversation-removal.contract.ts';
import type { StoreHarness } from './harness.ts';
import { describeSearchContract } from './search.contract.ts';

export function describeConversationsContract(store: () => StoreHarness): void {
  describe('conversations', () => {
    describeConversationListContract(store);
    describeBranchesContract(store);
    describeConversationRemovalContract(store);
    describeSearchContract(store);
  });
}
