import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { ATTACH } from '../../src/adapters/redis/token-log-scripts.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type LogLoad, startLog, writeThrough } from '../support/redis-log-load.ts';
import { LogFollower } from './log-follower.ts';
import { pause, until } from './until.ts';

const START_AT = { text: 0, reasoning: 0 };
const NONE = Buffer.alloc(0);

function expectExact({ answers, writers }: LogLoad): void {
  for (const { written, read } of answers) expect(read).toEqual(read.map(() => written));
  expect(writers.filter(({ isFenced }) => isFenced)).toEqual([]);
}

it('heals what a killed server lost of its tail', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  expectExact(
    await writeThrough(redis.url, async () => {
      for (const data of ['kept', 'torn', 'torn'] as const) {
        await pause(400);
        await server.kill();
        await pause(300);
        await server.start(data);
      }
    }),
  );
});

it('is filled again by its owners where the server lost everything', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  expectExact(
    await writeThrough(redis.url, async () => {
      await pause(400);
      await server.kill();
      await server.start('deleted');
    }),
  );
});

it('loses and doubles nothing where connections are cut under load', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  expectExact(
    await writeThrough(redis.url, async () => {
      for (const type of ['pubsub', 'normal', 'pubsub', 'normal', 'normal', 'pubsub']) {
        await pause(150);
        await server.run('CLIENT', 'KILL', 'TYPE', type);
      }
    }),
  );
});

it('gets over a server that falls silent for longer than a command may take', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  const silence = async () => {
    await pause(300);
    server.signal('SIGSTOP');
    await pause(1_500);
    server.signal('SIGCONT');
  };
  expectExact(await writeThrough(redis.url, silence, { commandTimeoutMs: 500 }));
});

it('gets over scripts that are flushed', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  expectExact(
    await writeThrough(redis.url, async () => {
      await pause(300);
      await server.run('SCRIPT', 'FLUSH');
    }),
  );
});

it('does not let a subscriber that takes nothing hold up the others, and forgets it', async () => {
  await using redis = await startRedis('--client-output-buffer-limit', 'pubsub 256kb 128kb 1');
  const [server] = redis.servers as [RedisServer];
  await using process = await startLog(redis.url);
  const { log, connection } = process;
  const id = randomUUID();
  await log.open(id, 1);
  const slow = connect(server.port, '127.0.0.1').pause();
  slow.on('error', () => {});
  slow.write('SSUBSCRIBE frames:feedfeed\r\n');
  await until(async () => String(await server.run('PUBSUB', 'SHARDNUMSUB', 'frames:feedfeed')) === 'frames:feedfeed,1');
  await connection.evaluate(
    ATTACH,
    [`log:{${id}}`, `log:{${id}}:text`, `log:{${id}}:reasoning`],
    ['feedfeed', '1', '1', '60000', '0', '0', '0'],
  );
  const reader = new LogFollower(log, id);
  await reader.attach();
  const piece = Buffer.from('0123456789'.repeat(2_000));
  let end = 0;
  // Past what the sockets hold and the server allows.
  for (let followers = 0; followers !== 1; end += piece.length) {
    const at = { text: end, reasoning: 0 };
    const [outcome] = await log.append([{ id, epoch: 1, at, text: piece, reasoning: NONE }]);
    expect(outcome?.kind).toBe('appended');
    followers = outcome?.kind === 'appended' ? outcome.followers : 0;
    await until(() => reader.at.text === end + piece.length);
  }
  await log.close(id, 1);
  await until(() => reader.ended);
  expect(reader.at.text).toBe(end);
  slow.destroy();
});

it('refuses new logs before it refuses those that are running', async () => {
  await using redis = await startRedis('--maxmemory', '6mb', '--maxmemory-policy', 'noeviction');
  const [server] = redis.servers as [RedisServer];
  await using process = await startLog(redis.url);
  const { log } = process;
  const running = randomUUID();
  await log.open(running, 1);
  const piece = Buffer.alloc(100_000, 'x');
  let end = 0;
  const append = async () => {
    const at = { text: end, reasoning: 0 };
    const [outcome] = await log.append([{ id: running, epoch: 1, at, text: piece, reasoning: NONE }]);
    end += piece.length;
    return outcome?.kind;
  };
  const refusal = () =>
    log.open(randomUUID(), 1).then(
      () => null,
      (error: unknown) => error,
    );
  // Far past the limit: the running one takes all that there is, and more.
  for (let n = 0; n < 80; n++) expect(await append()).toBe('appended');
  await until(async () => (await refusal()) !== null);
  expect(await refusal()).toMatchObject({
    code: 'state_unavailable',
    status: 503,
    details: { dependency: 'redis-state', reason: 'full' },
  });
  expect(String(await server.run('SET', 'other', 'x').catch((error: Error) => error.message))).toMatch(/^OOM/);
  expect(await append()).toBe('appended');
  // A takeover, and an owner that puts its text back, are of streams that run.
  expect(await log.open(running, 2)).toMatchObject({ kind: 'opened' });
  const lost = randomUUID();
  const epochs = [{ epoch: 1, at: START_AT }];
  expect(await log.open(lost, 1, { kind: 'restore', text: Buffer.from('abc'), reasoning: NONE, epochs })).toMatchObject(
    { kind: 'opened' },
  );
  await log.remove(running);
  await until(async () => (await refusal()) === null);
});

it('says at once which dependency is away, and registers readers all the same', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  await using process = await startLog(redis.url);
  const { log, connection } = process;
  const id = randomUUID();
  await log.open(id, 1);
  await server.kill();
  const away = { code: 'state_unavailable', details: { dependency: 'redis-state', reason: 'away' } };
  await expect(log.open(randomUUID(), 1)).rejects.toMatchObject(away);
  await expect(
    log.append([{ id, epoch: 1, at: START_AT, text: Buffer.from('a'), reasoning: NONE }]),
  ).rejects.toMatchObject(away);
  await expect(log.close(id, 1)).rejects.toMatchObject(away);
  await expect(log.stats()).rejects.toMatchObject(away);
  expect(await connection.health()).toMatchObject([{ latencyMs: null, error: expect.any(String) }]);
  const reader = new LogFollower(log, id);
  await reader.attach();
  await server.start('kept');
  // It hears of the gap by itself.
  await until(() => reader.epoch === 1);
  await until(async () => (await connection.health())[0]?.error === null);
});

it('closes once the server is back what it could not close while that was away', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  await using process = await startLog(redis.url);
  const { log } = process;
  const id = randomUUID();
  await log.open(id, 1);
  await server.kill();
  await expect(log.close(id, 1)).rejects.toMatchObject({ code: 'state_unavailable' });
  await server.start('kept');
  await until(async () => (await log.attach(id, { epoch: 0, at: START_AT }, () => {})).snapshot?.closed === true);
});

it('sets a time to live on everything, shorter once closed', async () => {
  await using redis = await startRedis();
  const [server] = redis.servers as [RedisServer];
  await using process = await startLog(redis.url);
  const { log } = process;
  const [id, waited] = [randomUUID(), randomUUID()];
  await log.open(id, 1);
  await log.append([{ id, epoch: 1, at: START_AT, text: Buffer.from('a'), reasoning: Buffer.from('b') }]);
  await log.attach(waited, { epoch: 0, at: START_AT }, () => {});
  const keys = async () => (await server.run('KEYS', 'log:*')) as string[];
  const lives = async () => await Promise.all((await keys()).map((key) => server.run('PTTL', key)));
  expect(await keys()).toHaveLength(4);
  for (const life of await lives()) expect(life).toBeGreaterThan(60 * 60_000);
  await log.close(id, 1);
  const closed = await server.run('PTTL', `log:{${id}}:text`);
  expect(closed).toBeGreaterThan(0);
  expect(closed).toBeLessThanOrEqual(10 * 60_000);
});
