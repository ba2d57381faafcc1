import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { keepMoves } from '../../../src/adapters/postgres/keep-moves.ts';
import { startTestPostgres } from '../../support/postgres.ts';
import { openShardedTestStore, shardConfig } from '../../support/sharded-postgres.ts';
import { answer, ask, newId, newOwner, newPerson, type Person, WINDOW } from '../store/harness.ts';

const WRITERS = 16;
const KILLS = 8;
const MOVER = fileURLToPath(new URL('../../support/mover-process.ts', import.meta.url));

/** Between two kills a mover finishes this many moves and a part of another. */
const MOVES_PER_LIFE = 3;

test('nothing is lost, doubled or left behind while movers of hot users are killed', async () => {
  await using stack = new AsyncDisposableStack();
  const servers = await Promise.all([startTestPostgres(), startTestPostgres(), startTestPostgres()]);
  for (const server of servers) stack.use(server);
  const shards = servers.map(({ server }, index) => shardConfig(`shard-${index}`, server.connectionOptions));
  const options = { leaseMs: 15_000, trustAfterMs: 0, sweepBackoffMs: 2_000, newId };
  // Two processes, as far as what they know is concerned.
  const stores = [
    stack.use(await openShardedTestStore(shards, options)),
    stack.use(await openShardedTestStore(shards, options)),
  ] as const;
  const people: Person[] = [];
  for (let index = 0; index < 4; index++) people.push(await newPerson(stores[0]));

  const writing = new AbortController();
  const acknowledged = new Map<string, { person: Person; content: string; answered: boolean }>();
  const failures: unknown[] = [];
  let slowestMs = 0;
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    const store = stores[writer % 2]!;
    const owner = newOwner();
    for (let turn = 0; !writing.signal.aborted; turn++) {
      const person = people[(writer + turn) % people.length]!;
      const content = `${writer}/${turn}`;
      const from = performance.now();
      try {
        const { generation } = await ask(store, person, { content });
        acknowledged.set(generation.id, { person, content, answered: false });
        let claim = await store.generations.claim(generation, owner);
        while (claim.kind === 'moving') {
          await sleep(2);
          claim = await store.generations.claim(generation, owner);
        }
        if (claim.kind !== 'claimed') throw new Error(`claim: ${claim.kind}`);
        const held = { id: generation.id, userId: person.userId, epoch: claim.generation.epoch };
        const beat = await store.generations.heartbeat(owner, [held]);
        if (beat.get(held.id) !== 'held') throw new Error(`heartbeat: ${beat.get(held.id)}`);
        const finished = await store.generations.finish(held, owner, answer({ text: `re ${content}` }), WINDOW);
        if (finished.kind !== 'finished') throw new Error(`finish: ${finished.kind}`);
        acknowledged.get(generation.id)!.answered = true;
        const read = await store.conversations.message(person.userId, generation.id);
        if (read?.content !== `re ${content}`) throw new Error(`read back: ${JSON.stringify(read)}`);
      } catch (error) {
        failures.push(error);
      }
      slowestMs = Math.max(slowestMs, performance.now() - from);
    }
  });

  await killMovers(JSON.stringify({ shards, users: people.map(({ userId }) => userId) }));
  writing.abort();
  await Promise.all(writers);
  // What the last one left is finished by whoever looks.
  const open = () => servers[0]!.run('SELECT FROM user_moves');
  {
    await using _keeper = keepMoves(stores[0].shards, (error) => failures.push(error));
    await expect.poll(open, { timeout: 30_000 }).toEqual([]);
  }
  expect(failures).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(100);
  process.stdout.write(`${acknowledged.size} answers, the slowest after ${Math.round(slowestMs)} ms\n`);

  const homes = new Map<string, number>();
  for (const [shard, server] of servers.entries()) {
    for (const { user_id } of await server.run<{ user_id: string }>(
      `SELECT user_id FROM user_home WHERE state = 'active'`,
    )) {
      expect(homes.has(user_id)).toBe(false);
      homes.set(user_id, shard);
    }
    expect(await server.run(`SELECT FROM user_home WHERE state = 'frozen'`)).toEqual([]);
  }
  for (const [shard, server] of servers.entries()) {
    for (const table of ['messages', 'generations', 'conversations', 'usage_daily']) {
      const strays = await server.run<{ user_id: string }>(`SELECT DISTINCT user_id FROM ${table}`);
      expect(strays.filter(({ user_id }) => homes.get(user_id) !== shard)).toEqual([]);
    }
  }
  for (const person of people) await expectEach(servers[homes.get(person.userId)!]!, person, acknowledged);
}, 180_000);

type Acknowledged = Map<string, { person: Person; content: string; answered: boolean }>;

async function expectEach(server: Awaited<ReturnType<typeof startTestPostgres>>, person: Person, all: Acknowledged) {
  const expected = [...all].filter(([, each]) => each.person === person);
  const messages = await server.run<{ id: string; role: string; content: string }>(
    'SELECT id, role, content FROM messages WHERE user_id = $1',
    [person.userId],
  );
  const answers = new Map(messages.filter(({ role }) => role === 'assistant').map(({ id, content }) => [id, content]));
  const questions = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  expect(questions.sort()).toEqual(expected.map(([, { content }]) => content).sort());
  expect(answers).toEqual(new Map(expected.map(([id, { content }]) => [id, `re ${content}`])));
  const [usage] = await server.run<{ sum: string }>('SELECT sum(generations) FROM usage_daily WHERE user_id = $1', [
    person.userId,
  ]);
  expect(Number(usage!.sum)).toBe(expected.length);
  const numbers = await server.run<{ number: number }>(
    'SELECT number FROM conversations WHERE user_id = $1 ORDER BY number',
    [person.userId],
  );
  expect(numbers.map(({ number }) => number)).toEqual(expected.map((_, index) => index + 1));
}

async function killMovers(argument: string): Promise<void> {
  const children = new Set<ChildProcess>();
  onTestFinished(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [MOVER, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    let moved = 0;
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line === 'moved') moved++;
      if (moved === MOVES_PER_LIFE) break;
    }
    // Somewhere within the next one.
    await sleep(Math.random() * 60);
    child.kill('SIGKILL');
    await once(child, 'exit');
    children.delete(child);
  }
}
