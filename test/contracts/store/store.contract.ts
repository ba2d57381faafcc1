import { afterAll, beforeAll, describe } from 'vitest';
import { describeConversationsContract } from './conversations.contract.ts';
import { describeDeadLettersContract } from './dead-letters.contract.ts';
import { describeDirectoryContract } from './directory.contract.ts';
import { describeGenerationsContract } from './generations.contract.ts';
import type { MakeStore, StoreHarness } from './harness.ts';
import { describeItemsContract } from './items.contract.ts';
import { describeKeepingContract } from './keeping.contract.ts';
import { describeOutboxContract } from './outbox.contract.ts';
import { describeRequestsContract } from './requests.contract.ts';
import { describeRestartContract } from './restart.contract.ts';
import { describeUsageContract } from './usage.contract.ts';
import { describeUserDeletionsContract } from './user-deletions.contract.ts';
import { describeWebhooksContract } from './webhooks.contract.ts';
import { describeWorkspacesContract } from './workspaces.contract.ts';

/**
 * Everything that a store must do: the ports of one database, held to their contracts together. A model of a
 * store leaves out webhooks, items and the deletion of users.
 */
export function describeStoreContract(name: string, makeStore: MakeStore, { isModel = false } = {}): void {
  describe(`${name} store`, () => {
    let harness: StoreHarness | undefined;
    const store = (): StoreHarness => {
      if (!harness) throw new Error('the store did not start');
      return harness;
    };
    beforeAll(async () => {
      harness = await makeStore();
    });
    afterAll(async () => harness?.[Symbol.asyncDispose]());

    describeWorkspacesContract(store);
    describeDirectoryContract(store);
    describeOutboxContract(store);
    describeRequestsContract(store);
    if (!isModel) describeWebhooksContract(store);
    describeGenerationsContract(store);
    describeDeadLettersContract(store);
    describeUsageContract(store);
    describeConversationsContract(store);
    describeKeepingContract(store);
    if (!isModel) describeItemsContract(store);
    if (!isModel) describeUserDeletionsContract(store);
    describeRestartContract(store);
  });
}
