import { expect, test, vi } from 'vitest';
import { jobOf } from '../../src/core/dispatch.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';

test('a job that the queue gave up fails visibly, with the reason, and no model is asked', async () => {
  // Without slots: nothing takes it before it is given up.
  await using stack = await startMemoryStack({ slots: 0 });
  const body = { user_id: 'ada', message: 'say hello' };
  const id = (await call(stack.url, 'POST', '/async-chat', { key: KEY, body })).json.correlation_id;
  const job = jobOf((await stack.ports.generations.find(id))!);
  await stack.runner.giveUp(job, 'the queue gave it up: delivery_limit');
  const [letter] = await stack.ports.deadLetters.list({ limit: 10 });
  expect(letter).toMatchObject({ id, state: 'failed', error: { code: 'generation_failed' } });
  expect(letter!.error!.message).toContain('(the queue gave it up: delivery_limit)');
  expect('requests' in stack.inference && stack.inference.requests).toEqual([]);
  // Once more changes nothing: the letter came twice.
  await stack.runner.giveUp(job, 'again');
  expect((await stack.ports.deadLetters.list({ limit: 10 })).map((each) => each.error?.message)).toEqual([
    letter!.error!.message,
  ]);
  expect(await stack.ports.deadLetters.replay(id)).toMatchObject({ id });
});

test('what kills whoever runs it ends as a dead letter, and may be replayed', async () => {
  await using stack = await startMemoryStack({ slots: 0 });
  const body = { user_id: 'ada', message: 'say hello' };
  const id = (await call(stack.url, 'POST', '/async-chat', { key: KEY, body })).json.correlation_id;
  const { generations, deadLetters } = stack.ports;
  const ref = (await generations.find(id))!;
  for (let death = 0; death < 4; death += 1) {
    const owner = `owner-${death}`;
    await using _ = await generations.own(owner);
    expect(await generations.claim(ref, owner)).toMatchObject({ kind: 'claimed', generation: { takeovers: death } });
  }
  await stack.runner.run(jobOf(ref), () => {});
  const [letter] = await vi.waitUntil(async () => {
    const letters = await deadLetters.list({ limit: 10 });
    return letters.length > 0 && letters;
  });
  expect(letter).toMatchObject({ id, state: 'failed', takeovers: 4 });
  expect(letter!.error!.message).toContain('4 processes died or hung over it');
  expect('requests' in stack.inference && stack.inference.requests).toEqual([]);
  await deadLetters.replay(id);
  expect(await generations.find(id)).toMatchObject({ state: 'queued', takeovers: 0 });
});
