import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { connect } from 'amqplib';
import { DEAD, laneQueue, RETRIES } from '../../../src/adapters/rabbitmq/topology.ts';
import { LANES } from '../../../src/protocol/generation.ts';
import { call } from '../../support/http-client.ts';
import type { World } from './world.ts';

/** Longer than anything that is late may take: a retry of the broker, a sweep with its backoff. */
const SETTLE_MS = 60_000;
const LOOK_MS = 500;
/** Redis keeps its last second in memory. */
const BEFORE_BLOW_MS = 2_000;
const AFTER_BLOW_MS = 1_000;
const QUEUES = [...LANES.map(laneQueue), ...RETRIES.map(({ name }) => name), DEAD];

/**
 * What should not be there once everybody has been answered, given time to go away by itself. In the end
 * everything that consumes is told to leave: what it had and did not acknowledge is in its queue then.
 * `blows`: when parts were hit; Unix milliseconds.
 */
export async function leftOvers(world: World, blows: readonly number[]): Promise<string[]> {
  const looks = [openRows, homes, moves, running, messages, () => openLogs(world, blows)];
  const look = async () => (await Promise.all(looks.map((each) => each(world)))).flat();
  const last = performance.now() + SETTLE_MS;
  let left = await look();
  while (left.length > 0 && performance.now() < last) {
    await sleep(LOOK_MS);
    left = await look();
  }
  await Promise.all(world.partsOf('api', 'worker').map((part) => part.stop()));
  return [...left, ...(await messages(world)).map((line) => `${line}, unacknowledged`)];
}

async function openRows(world: World): Promise<string[]> {
  const rows = await world.sql<{ id: string; state: string }>(
    "SELECT id, state FROM generations WHERE state IN ('queued', 'running')",
  );
  return rows.map(({ id, state, on }) => `${on}: ${id} is ${state}`);
}

type Home = { user_id: string; state: string; rows: number };

/** Every user has one home, where the directory says, and nothing anywhere else. */
async function homes(world: World): Promise<string[]> {
  const found = await world.sql<Home>(
    `SELECT h.user_id, h.state,
       (SELECT count(*)::integer FROM generations AS g WHERE g.user_id = h.user_id) AS rows FROM user_home AS h`,
  );
  const users = await world.on<{ user_id: string; name: string }>(
    'shard-1',
    'SELECT u.user_id, s.name FROM users AS u JOIN shards AS s ON s.id = u.shard',
  );
  const active = Map.groupBy(
    found.filter(({ state }) => state === 'active'),
    ({ user_id }) => user_id,
  );
  return [
    ...found.filter(({ state }) => state === 'frozen').map(({ user_id, on }) => `${on}: home of ${user_id} is frozen`),
    ...found
      .filter(({ state, rows }) => state !== 'active' && rows > 0)
      .map(({ user_id, on, rows }) => `${on}: ${rows} rows of ${user_id} stayed behind`),
    ...users.flatMap(({ user_id, name }) => {
      const at = active.get(user_id)?.map(({ on }) => on) ?? [];
      return at.length === 1 && at[0] === name ? [] : [`${user_id} lives at [${at}], the directory says ${name}`];
    }),
  ];
}

async function moves(world: World): Promise<string[]> {
  const rows = await world.on<{ user_id: string; phase: string }>('shard-1', 'SELECT user_id, phase FROM user_moves');
  return rows.map(({ user_id, phase }) => `the move of ${user_id} is ${phase}`);
}

async function running(world: World): Promise<string[]> {
  const found = await Promise.all(
    world.partsOf('worker').map(async ({ name, spec }) => {
      const { json } = await call(spec.address!, 'GET', '/health');
      return json?.running === 0 ? [] : [`${name} runs ${json?.running}`];
    }),
  );
  return found.flat();
}

async function messages(world: World): Promise<string[]> {
  const connection = await connect(world.part('rabbitmq').spec.address!);
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    const counts = await Promise.all(QUEUES.map((queue) => channel.checkQueue(queue)));
    return counts
      .filter(({ messageCount }) => messageCount > 0)
      .map(({ queue, messageCount }) => `${queue} holds ${messageCount}`);
  } finally {
    await connection.close();
  }
}

/**
 * Logs of stored answers that nobody closed. Excused is one whose answer was stored at the moment of a blow: whoever
 * was to close it died between the two, or Redis lost its last second; it goes with `TOKEN_LOG_LIFETIME`.
 */
async function openLogs(world: World, blows: readonly number[]): Promise<string[]> {
  const ids = await unclosed(world);
  const rows = await world.sql<{ id: string; finished_at: Date | null }>(
    'SELECT id, finished_at FROM generations WHERE id = ANY ($1)',
    [ids],
  );
  const storedAt = new Map(rows.map(({ id, finished_at }) => [id, finished_at?.getTime() ?? 0]));
  const isExcused = (id: string) => {
    const at = storedAt.get(id) ?? 0;
    return blows.some((blow) => at > blow - BEFORE_BLOW_MS && at < blow + AFTER_BLOW_MS);
  };
  return ids.filter((id) => !isExcused(id)).map((id) => `the log of ${id} was never closed`);
}

async function unclosed(world: World): Promise<string[]> {
  const client = createClient({ url: world.part('redis-state').spec.address! });
  client.on('error', () => {});
  await client.connect();
  try {
    const open: string[] = [];
    for await (const keys of client.scanIterator({ MATCH: 'log:{*}', TYPE: 'hash', COUNT: 1000 })) {
      for (const key of keys) {
        const head = await client.hGet(key, 'head');
        if (head && head.split(':')[1] !== '1') open.push(key.slice('log:{'.length, -1));
      }
    }
    return open;
  } finally {
    client.destroy();
  }
}
