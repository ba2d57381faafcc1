import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, metricOf, ownerName, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import { call, type Json } from '../support/http-client.ts';

const LENGTH = 60;
const SERVERS = ['api-1', 'api-2', 'worker-1', 'worker-2'];
const WORKERS = ['worker-1', 'worker-2'];

/** What an operator sees of a cluster: health, figures, and one id through the logs. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({
    nginx: false,
    upstream: { length: LENGTH, paceMs: 15 },
    settings: { LOG_LEVEL: 'debug', LEASE_MS: '3000', MAX_CONCURRENT: '4' },
  });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const addressOf = (name: string) => cluster.part(name).spec.address!;

describe('health', () => {
  test.each(SERVERS)('%s names each dependency with its latency', async (name) => {
    const report = await eventually('all is up', async () => {
      const { json } = await call(addressOf(name), 'GET', '/health', { key: cluster.key });
      return json.status === 'healthy' ? json : null;
    });
    expect(report.components).toEqual({ ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' });
    const names = report.dependencies.map((each: Json) => each.name).sort();
    const servers = ['shard-1', 'shard-1-replica-1', 'shard-2', 'rabbitmq', 'redis-cache', 'redis-state', 'model'];
    expect(names).toEqual(servers.sort());
    for (const dependency of report.dependencies) {
      expect([dependency.name, dependency.status, typeof dependency.latency_ms]).toEqual([
        dependency.name,
        'up',
        'number',
      ]);
    }
    expect((await call(addressOf(name), 'GET', '/readyz')).status).toBe(200);
  });
});

describe('one id from accept to last byte', () => {
  test('is in a line of every process that had to do with it, and no line holds what was said', async () => {
    const canary = `canary${randomUUID().replaceAll('-', '')}`;
    const [first, second] = cluster.apis as [string, string];
    // The answer's words come out of the question, so both are looked for; the upstream repeats nothing of it.
    const message = `${question()} ${canary} [[tokens:200]]`;
    const id = await client.send('traced', message, { at: first });
    const reader = new AnswerReader({ url: second, key: cluster.key }, id);
    const reading = reader.follow();
    await reader.hasBytes(60);
    const { owner } = (await client.row(id))!;
    const owners = await Promise.all(WORKERS.map((name) => ownerName(cluster.part(name))));
    const dying = WORKERS[owners.indexOf(owner!)]!;
    const next = WORKERS.find((name) => name !== dying)!;
    await cluster.part(dying).kill();
    await reading;
    await cluster.part(dying).start();
    expect(reader.text.toString()).toBe(answerText(message, 200));

    const said = async (name: string): Promise<string[]> => {
      const lines = (await readFile(cluster.part(name).spec.log, 'utf8')).split('\n').filter(Boolean);
      return lines.flatMap((line) => {
        const json = JSON.parse(line) as { generation?: string; msg: string };
        return json.generation === id ? [json.msg] : [];
      });
    };
    const followed = async () => Object.fromEntries(await Promise.all(SERVERS.map(async (n) => [n, await said(n)])));
    const story = await eventually('its reader has gone', async () => {
      const found = await followed();
      return found['api-2'].includes('stream closed') ? found : null;
    });
    expect(story['api-1']).toContain('generation accepted');
    expect(story[dying]).toEqual(expect.arrayContaining(['generation claimed', 'first token']));
    expect(story[next]).toEqual(
      expect.arrayContaining(['generation claimed', 'generation taken over', 'generation done']),
    );
    expect(story['api-2']).toEqual(expect.arrayContaining(['stream opened', 'stream closed']));

    // What failed, was refused, stopped or searched for is not said either.
    const failing = `${canary} [[status:400]]`;
    const failed = await client.send('traced', failing);
    await eventually('it has failed', async () => (await client.row(failed))!.state === 'failed');
    await cluster.call('POST', '/stream-chat', { body: { user_id: 'traced', message: canary.repeat(200) } });
    await cluster.call('POST', '/stream-chat', { body: `{"user_id":"traced","message":"${canary}` });
    await cluster.call('GET', `/users/traced/search?q=${canary}`);
    const answer = answerText(message, 200);
    for (const name of SERVERS) {
      const log = await readFile(cluster.part(name).spec.log, 'utf8');
      expect([name, log.includes(canary)]).toEqual([name, false]);
      for (const start of [0, 100, 500]) expect(log.includes(answer.slice(start, start + 30))).toBe(false);
      for (const line of log.split('\n').filter(Boolean)) expect(() => JSON.parse(line)).not.toThrow();
    }
  }, 120_000);
});

describe('figures move when that happens which they count', () => {
  const everywhere = () => SERVERS.map(addressOf);
  const figure = (name: string, labels = '', at = everywhere()) => metricOf(at, cluster.key, name, labels);
  const rises = (name: string, from: number, labels = '', at = everywhere()) =>
    eventually(`${name} rises`, async () => (await figure(name, labels, at)) > from);
  const has = async (name: string, labels = '') => {
    const texts = await Promise.all(everywhere().map((at) => call(at, 'GET', '/metrics', { key: cluster.key })));
    return texts.some(({ text }) => text.split('\n').some((line) => line.startsWith(name) && line.includes(labels)));
  };

  test('wait in the queue, first token, tokens, the streams that are open', async () => {
    const names = [
      'chat_queue_wait_seconds_count',
      'chat_ttft_seconds_count',
      'chat_tokens_total',
      'chat_claims_total',
    ];
    const before = await Promise.all(names.map((name) => figure(name)));
    const message = question();
    const id = await client.send('counted', message);
    const reader = new AnswerReader({ url: cluster.apis[0]!, key: cluster.key }, id);
    const reading = reader.follow();
    await rises('chat_streams_open', 0, 'transport="sse"');
    await reading;
    for (const [n, name] of names.entries()) await rises(name, before[n]!);
  });

  test('the oldest job, and the jobs in a lane', async () => {
    const ids: string[] = [];
    // More than there are slots, and none of them ends by itself.
    for (let n = 0; n < 12; n++) ids.push(await client.send(`waiting-${n}`, question('[[silent]]')));
    await rises('chat_oldest_job_seconds', 1, 'lane="stream"');
    for (const id of ids) await client.stop(id);
    await eventually('nobody waits', async () => (await figure('chat_oldest_job_seconds', 'lane="stream"')) === 0);
  });

  test('dead letters', async () => {
    const before = await figure('chat_dead_lettered_total');
    await client.send('unlucky', question('[[status:400]]'));
    await rises('chat_dead_lettered_total', before);
    await rises('chat_dead_letters', 0, '', WORKERS.map(addressOf));
  });

  test('takeovers, fenced writes and lost leases, of a worker that slept', async () => {
    // One writes when it wakes; the other says nothing, and learns from its heartbeat that it has lost its lease.
    const writing = await client.send('sleeper', question('[[tokens:600]]'));
    const silent = await client.send('sleeper-2', question('[[silent]]'));
    const owned = async (id: string) =>
      eventually('somebody runs it', async () => {
        const row = await client.row(id);
        return row?.state === 'running' ? row.owner : null;
      });
    const ids = await Promise.all(WORKERS.map((name) => ownerName(cluster.part(name))));
    const names = await Promise.all([writing, silent].map(async (id) => WORKERS[ids.indexOf((await owned(id))!)]!));
    const before = { takeovers: await figure('chat_takeovers_total'), fenced: await figure('chat_fenced_total') };
    const lost = await figure('chat_leases_lost_total');
    for (const [n, id] of [writing, silent].entries()) {
      const worker = cluster.part(names[n]!);
      // The other one may have been taken over meanwhile.
      const { epoch, owner } = (await client.row(id))!;
      if (owner !== ids[WORKERS.indexOf(names[n]!)]) continue;
      worker.signal('SIGSTOP');
      try {
        await eventually('another has it', async () => (await client.row(id))!.epoch > epoch);
      } finally {
        worker.signal('SIGCONT');
      }
    }
    await rises('chat_takeovers_total', before.takeovers);
    await eventually('what it wrote late is refused, or its heartbeat tells it', async () => {
      const refused = (await figure('chat_fenced_total')) - before.fenced;
      return refused + (await figure('chat_leases_lost_total')) - lost > 0;
    });
    for (const name of ['chat_fenced_total', 'chat_leases_lost_total']) expect(await has(name)).toBe(true);
    for (const id of [writing, silent]) await client.stop(id);
  });

  test('gaps healed, when Redis forgets what it was told', async () => {
    const before = await figure('chat_gaps_healed_total');
    const message = question('[[tokens:200]]');
    const id = await client.send('forgotten', message);
    const reader = new AnswerReader({ url: cluster.apis[0]!, key: cluster.key }, id);
    const reading = reader.follow();
    await reader.hasBytes(60);
    const redis = createClient({ url: addressOf('redis-state') });
    await redis.connect();
    await redis.flushAll();
    redis.destroy();
    await reading;
    expect(reader.text.toString()).toBe(answerText(message, 200));
    await rises('chat_gaps_healed_total', before);
  });

  test('connections of the pool that callers wait for', async () => {
    const holder = new pg.Client({ connectionString: addressOf('shard-2') });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('LOCK TABLE generations IN ACCESS EXCLUSIVE MODE');
      await rises('chat_database_pool_connections', 1, 'shard="shard-2",state="used"');
    } finally {
      await holder.end();
    }
    expect(await has('chat_database_pool_connections', 'state="waited-for"')).toBe(true);
  });

  test('the lag of a replica', async () => {
    const on = (client: pg.Client, text: string) => client.query(text);
    const replica = new pg.Client({ connectionString: addressOf('shard-1-replica') });
    await replica.connect();
    try {
      await on(replica, 'SELECT pg_wal_replay_pause()');
      await rises('chat_replica_lag_seconds', 8, 'replica="shard-1-replica-1"');
      await on(replica, 'SELECT pg_wal_replay_resume()');
      await eventually('it has caught up', async () => (await figure('chat_replica_lag_seconds')) < 4);
    } finally {
      await replica.end();
    }
    await cluster.part('shard-1-replica').kill();
    await eventually('one that is away is behind without end', async () => has('chat_replica_lag_seconds', '} +Inf'));
    await cluster.part('shard-1-replica').start();
  });

  test('errors of a shard, and whether it is up', async () => {
    const before = await figure('chat_shard_errors_total', 'shard="shard-2"');
    await cluster.part('shard-2').kill();
    const isUp = (value: string) =>
      eventually(`it is ${value}`, () => has('chat_shard_up', `shard="shard-2"} ${value}`));
    await isUp('0');
    await rises('chat_shard_errors_total', before, 'shard="shard-2"');
    await cluster.part('shard-2').start();
    await isUp('1');
    await client.isHealthy();
  });

  test('the delay of the event loop, of a process that had no processor', async () => {
    const at = [addressOf('api-1')];
    cluster.part('api-1').signal('SIGSTOP');
    await sleep(1_500);
    cluster.part('api-1').signal('SIGCONT');
    await rises('nodejs_eventloop_lag_max_seconds', 1, '', at);
    expect(await has('nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  test('stops, failures of backends, and every other figure are there', async () => {
    for (const name of [
      'chat_stops_total',
      'chat_port_failures_total',
      'chat_partition_months_ahead',
      'chat_swept_total',
    ]) {
      expect([name, await has(name)]).toEqual([name, true]);
    }
  });
});
