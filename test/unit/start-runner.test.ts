import { expect, test } from 'vitest';
import { Runner } from '../../src/core/runner.ts';
import { Slots } from '../../src/core/slots.ts';
import type { Generations } from '../../src/ports/generations.ts';
import { ChatError } from '../../src/protocol/errors.ts';
import { startRunner } from '../../src/roles/start-runner.ts';
import { startMemoryStack } from '../support/memory-stack.ts';

async function runnerOn(own: Generations['own']) {
  const stack = await startMemoryStack();
  const { runner } = stack;
  const generations: Generations = new Proxy(stack.ports.generations, {
    get: (target, name) => (name === 'own' ? own : Reflect.get(target, name).bind(target)),
  });
  const slots = new Slots({ total: 1, reserve: { stream: 0, chat: 0, batch: 0 } });
  return { stack, runner: new Runner({ ...runner.ports, generations }, runner.settings, 'another', slots) };
}

test('a process that starts while no database answers waits for one', async () => {
  let tries = 0;
  const { stack, runner } = await runnerOn(async () => {
    if (++tries < 3) throw new ChatError('database_unavailable');
    return { async [Symbol.asyncDispose]() {} };
  });
  await using _ = stack;
  await using __ = runner;
  await startRunner(runner, stack.ports.clock, new AbortController().signal);
  expect(tries).toBe(3);
});

test('what waiting would not change ends the start, and so does being told to leave', async () => {
  const { stack, runner } = await runnerOn(() => Promise.reject(new Error('no such function: owner_key')));
  await using _ = stack;
  await using __ = runner;
  const never = new AbortController().signal;
  await expect(startRunner(runner, stack.ports.clock, never)).rejects.toThrow('no such function');
  await expect(startRunner(runner, stack.ports.clock, AbortSignal.abort(new Error('leave')))).rejects.toThrow('leave');
});
