import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createClient } from '@redis/client';
import { appendArguments } from '../src/adapters/redis/append-batch.ts';
import { RedisConnection } from '../src/adapters/redis/connection.ts';
import { FrameMessage } from '../src/adapters/redis/frame-codec.ts';
import { RedisTokenLog } from '../src/adapters/redis/token-log.ts';
import { APPEND_MORE } from '../src/adapters/redis/token-log-scripts.ts';
import type { Append, Frame } from '../src/ports/token-log.ts';
import { START } from '../src/protocol/position.ts';
import { startRedis } from '../test/support/redis.ts';

/**
 * What one flush of one answer costs in CPU: at the worker that appends, at Redis, and at the API replica that
 * follows; beside the same scripts and frames through the client library. Every part is a process of its own;
 * the first second is not counted.
 *
 *   node bench/redis-log.ts [--streams 5000] [--rate 4] [--seconds 6] [--rounds 3] [--no-aof]
 */
type Plan = { url: string; mode: Mode; ids: string[]; rate: number; seconds: number };
type Mode = (typeof MODES)[number];
type Figures = { flushes: number; cpuUs: number; followed?: number; attachMs?: number };

const MODES = ['pipeline', 'client'] as const;
const TICK_MS = 20;
const WARM_UP_MS = 1_000;
const PIECE = Buffer.from('forty-two bytes of an answer, more or less');
const NONE = Buffer.alloc(0);

if (process.send) await child();
else await parent();

async function parent(): Promise<void> {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '5000' },
      rate: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '6' },
      rounds: { type: 'string', default: '3' },
      aof: { type: 'boolean', default: true },
    },
    allowNegative: true,
  });
  const rows = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const mode of MODES) {
      await using redis = await startRedis('--appendonly', values.aof ? 'yes' : 'no');
      const ids = Array.from({ length: Number(values.streams) }, () => randomUUID());
      const plan = { url: redis.url, mode, ids, rate: Number(values.rate), seconds: Number(values.seconds) };
      rows.push({ round, mode, ...(await measure(plan, () => redisCpuUs(redis.servers[0]!.run))) });
    }
  }
  console.log(
    `${values.streams} streams x ${values.rate} flushes/s, ${PIECE.length} bytes each, AOF ${values.aof ? 'on' : 'off'}`,
  );
  console.table(rows);
}

async function measure(plan: Plan, redisCpu: () => Promise<number>) {
  const file = fileURLToPath(import.meta.url);
  const [reader, writer] = [fork(file, ['reader']), fork(file, ['writer'])];
  try {
    await told(writer, { plan });
    const { attachMs } = await told<Figures>(reader, { plan });
    const [before] = await Promise.all([
      redisCpuAfter(WARM_UP_MS, redisCpu),
      told(reader, 'begin'),
      told(writer, 'begin'),
    ]);
    const written = await told<Figures>(writer, 'end');
    const redisUs = (await redisCpu()) - before;
    const read = await told<Figures>(reader, 'end');
    const each = (us: number) => (us / written.flushes).toFixed(2);
    return {
      'flushes/s': Math.round(written.flushes / plan.seconds),
      'worker µs': each(written.cpuUs),
      'redis µs': each(redisUs),
      'api µs': each(read.cpuUs),
      heard: `${((100 * read.followed!) / written.flushes).toFixed(0)} %`,
      'attach ms': Math.round(attachMs ?? 0),
    };
  } finally {
    for (const each of [reader, writer]) each.kill();
  }
}

async function redisCpuAfter(ms: number, redisCpu: () => Promise<number>): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return await redisCpu();
}

async function redisCpuUs(run: (...command: string[]) => Promise<unknown>): Promise<number> {
  const info = String(await run('INFO', 'cpu'));
  const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
    Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]),
  );
  return 1e6 * seconds.reduce((sum, each) => sum + each, 0);
}

async function told<T>(to: ChildProcess, message: object | string): Promise<T> {
  to.send(message);
  const [answer] = await once(to, 'message');
  return answer as T;
}

async function child(): Promise<void> {
  const [first] = (await once(process, 'message')) as [{ plan: Plan }];
  const { plan } = first;
  const connection = new RedisConnection({ url: plan.url, name: 'redis-state' });
  const log = new RedisTokenLog({ connection });
  await log.ready(AbortSignal.timeout(10_000));
  await (process.argv[2] === 'reader' ? read(plan, log) : write(plan, log));
  process.exit();
}

async function read({ ids }: Plan, log: RedisTokenLog): Promise<void> {
  let followed = 0;
  const started = performance.now();
  const hear = ({ kind }: Frame) => {
    if (kind === 'bytes') followed++;
  };
  await Promise.all(ids.map((id) => log.attach(id, START, hear)));
  process.send!({ attachMs: performance.now() - started });
  await heardOf('begin', WARM_UP_MS);
  const before = process.cpuUsage();
  followed = 0;
  process.send!({});
  await heardOf('end');
  process.send!({ flushes: 0, cpuUs: cpuSince(before), followed });
}

/** Ticks as a worker has them: each takes the streams whose turn it is. */
async function write({ ids, rate, seconds, mode, url }: Plan, log: RedisTokenLog): Promise<void> {
  for (const id of ids) await log.open(id, 1);
  process.send!({});
  const append = mode === 'pipeline' ? (batch: Append[]) => log.append(batch) : await clientAppend(url);
  const lengths = new Map(ids.map((id) => [id, 0]));
  const perTick = (ids.length * rate * TICK_MS) / 1_000;
  let [next, flushes, due] = [0, 0, 0];
  const run = async (ms: number) => {
    const end = performance.now() + ms;
    for (let tick = performance.now(); tick < end; tick += TICK_MS) {
      const wait = tick - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const batch: Append[] = [];
      for (due += perTick; due >= 1; due--) {
        const id = ids[next++ % ids.length]!;
        const text = lengths.get(id)!;
        lengths.set(id, text + PIECE.length);
        batch.push({ id, epoch: 1, at: { text, reasoning: 0 }, text: PIECE, reasoning: NONE });
      }
      flushes += batch.length;
      await append(batch);
    }
  };
  await heardOf('begin');
  await run(WARM_UP_MS);
  flushes = 0;
  const before = process.cpuUsage();
  process.send!({});
  const running = run(seconds * 1_000);
  await heardOf('end');
  await running;
  process.send!({ flushes, cpuUs: cpuSince(before) });
}

/** The same work through the client library: a promise and an array for each append, one frame a tick. */
async function clientAppend(url: string): Promise<(batch: Append[]) => Promise<unknown>> {
  const client = createClient({ url, commandOptions: { timeout: 0 } });
  await client.connect();
  const message = new FrameMessage();
  let sent = 0;
  return async (batch) => {
    const replies = await Promise.all(
      batch.map((append) => {
        const { keys, args } = appendArguments(append);
        return client.sendCommand(['EVALSHA', APPEND_MORE.sha, '3', ...keys, ...args]);
      }),
    );
    const replica = String(replies[0]).split('#')[0]!;
    for (const { id, ...append } of batch) message.add(id, { kind: 'bytes', ...append });
    await client.sendCommand(['SPUBLISH', `frames:${replica}`, message.seal('0123456789abcdef', sent++)]);
  };
}

async function heardOf(word: string, thenWaitMs = 0): Promise<void> {
  for (;;) {
    const [message] = await once(process, 'message');
    if (message === word) break;
  }
  await new Promise((resolve) => setTimeout(resolve, thenWaitMs));
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
