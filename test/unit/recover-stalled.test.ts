import { expect, test, vi } from 'vitest';
import { recoverStalled } from '../../src/core/recover-stalled.ts';
import type { HttpPorts } from '../../src/http/http.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';

const SETTINGS = {
  dispatch: { perUser: 2, alone: 8 },
  intervalMs: 5,
  batch: 100,
  unconfirmedAfterMs: 0,
  unclaimedAfterMs: 0,
  queueLostAtStart: false,
};

/** Its queue takes nothing until it is back. */
async function withoutQueue(slots: number) {
  const state = { isAway: true, published: 0 };
  const away = ({ queue }: HttpPorts) => ({
    queue: {
      get isAvailable() {
        return !state.isAway;
      },
      async publish(jobs: Parameters<typeof queue.publish>[0]) {
        if (state.isAway) throw new Error('away');
        state.published += jobs.length;
        await queue.publish(jobs);
      },
      consume: queue.consume.bind(queue),
      stats: queue.stats.bind(queue),
    },
  });
  const stack = await startMemoryStack({ slots, ports: away });
  const ask = async () => {
    const body = { user_id: 'ada', message: 'say hello' };
    return (await call(stack.url, 'POST', '/async-chat', { key: KEY, body })).json.correlation_id as string;
  };
  const stateOf = async (id: string) => (await stack.ports.generations.find(id))?.state;
  return { stack, state, ask, stateOf };
}

test('without the queue, the sweeper runs what it has a slot for', async () => {
  const { stack, state, ask, stateOf } = await withoutQueue(4);
  await using _ = stack;
  using leaving = { abort: new AbortController(), [Symbol.dispose]: () => leaving.abort.abort() };
  const ids = await Promise.all([ask(), ask(), ask()]);
  void recoverStalled(stack.ports, SETTINGS, stack.runner, leaving.abort.signal);
  for (const id of ids) await vi.waitUntil(async () => (await stateOf(id)) === 'done', { timeout: 20_000 });
  expect(state.published).toBe(0);
});

test('what it has no slot for, it publishes once the queue is back', async () => {
  const { stack, state, ask, stateOf } = await withoutQueue(0);
  await using _ = stack;
  using leaving = { abort: new AbortController(), [Symbol.dispose]: () => leaving.abort.abort() };
  const id = await ask();
  void recoverStalled(stack.ports, SETTINGS, stack.runner, leaving.abort.signal);
  expect(stack.runner.takeUp({ id, userId: 'nobody', lane: 'batch' })).toBe(false);
  expect(await stateOf(id)).toBe('queued');
  state.isAway = false;
  await vi.waitUntil(() => state.published > 0, { timeout: 20_000 });
});
