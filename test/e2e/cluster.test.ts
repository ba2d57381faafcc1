import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { answerText } from '../support/fake-upstream.ts';
import { applyEvents, call, openStream } from '../support/http-client.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster({ upstream: { length: 60, paceMs: 8 } });
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

const question = (text = 'Tell me something.') => `${text} ${randomUUID()}`;
const ask = (user_id: string, message: string, more: object = {}) => ({ user_id, message, max_tokens: 200, ...more });
const other = (api: string): string => cluster.apis.find((each) => each !== api)!;

async function send(at: string, user: string, message: string, headers: Record<string, string> = {}): Promise<string> {
  const { status, json } = await cluster.call('POST', '/stream-chat', { at, body: ask(user, message), headers });
  expect(status).toBe(200);
  return json.correlation_id;
}

const answered = (at: string, id: string) =>
  eventually(`${id} is answered`, async () => {
    const { json } = await cluster.call('GET', `/check-response/${id}`, { at });
    return json?.response === undefined ? null : json;
  });

describe('the seed API, through NGINX and at each API', () => {
  const doors = () => [cluster.url, ...cluster.apis];

  test('POST /chat answers in full', async () => {
    for (const [n, at] of doors().entries()) {
      const message = question();
      const { status, json } = await cluster.call('POST', '/chat', { at, body: ask(`chat-${n}`, message) });
      expect([status, json]).toEqual([
        200,
        { response: answerText(message, 60), conversation_id: 1, processing_time: expect.any(Number) },
      ]);
    }
  });

  test('POST /async-chat, then /check-response at every door', async () => {
    const message = question();
    const { json } = await cluster.call('POST', '/async-chat', { body: ask('async', message) });
    expect(json.status).toBe('processing');
    for (const at of doors()) expect((await answered(at, json.correlation_id)).response).toBe(answerText(message, 60));
  });

  test('POST /stream-chat, events with ids, receipt and [DONE]', async () => {
    const message = question();
    const id = await send(cluster.url, 'stream', message);
    const reader = await new AnswerReader(cluster, id).follow();
    expect(reader.text.toString()).toBe(answerText(message, 60));
    expect([reader.faults, reader.errors]).toEqual([[], []]);
    expect(reader.receipts[0]).toMatchObject({ generation_id: id, state: 'done', lane: 'stream' });
    expect(reader.lastEventId).toMatch(/-end$/);
    const again = await cluster.call('GET', `/stream/${id}`, { headers: { 'last-event-id': reader.lastEventId! } });
    expect(again.status).toBe(204);
  });

  test('GET /health names each server; without a key only the status', async () => {
    for (const at of doors()) {
      const { json } = await cluster.call('GET', '/health', { at });
      expect(json).toMatchObject({
        status: 'healthy',
        components: { ray_serve: 'up', redis: 'up', database: 'up', rabbitmq: 'up' },
      });
      const names = json.dependencies.map(({ name }: { name: string }) => name);
      expect(names).toEqual(
        expect.arrayContaining(['shard-1', 'shard-2', 'shard-1-replica-1', 'redis-state', 'redis-cache', 'rabbitmq']),
      );
      expect((await call(at, 'GET', '/health')).json).toEqual({ status: 'healthy' });
    }
  });

  test('GET /debug/queue-stats counts as the broker does', async () => {
    const { json } = await cluster.call('GET', '/debug/queue-stats');
    const counts = { message_count: expect.any(Number), consumer_count: expect.any(Number) };
    expect(json).toEqual({
      chat_queue: counts,
      batch_queue: counts,
      stream_queue: counts,
      response_queue: counts,
      dead_letters: { message_count: 0, consumer_count: 0 },
    });
    expect(json.stream_queue.consumer_count).toBeGreaterThanOrEqual(2);
  });

  test('a worker answers its operator', async () => {
    const at = cluster.part('worker-1').spec.address!;
    expect((await call(at, 'GET', '/livez')).json).toEqual({ status: 'alive' });
    expect((await call(at, 'GET', '/readyz')).json).toEqual({ status: 'ready' });
    expect((await call(at, 'GET', '/health')).json).toMatchObject({
      status: 'healthy',
      components: { database: 'up' },
    });
    for (const line of [
      'chat_shard_up{shard="shard-2"} 1',
      'chat_oldest_job_seconds{lane="stream"}',
      'chat_replica_lag_seconds{',
    ]) {
      await eventually(line, async () => (await call(at, 'GET', '/metrics')).text.includes(line));
    }
    expect((await call(at, 'GET', '/other')).status).toBe(404);
  });
});

describe('any replica will do', () => {
  test('a stream is read at another API than the one that accepted it, while it is written', async () => {
    for (const api of cluster.apis) {
      const message = question();
      const id = await send(api, 'elsewhere', message);
      const reader = await new AnswerReader({ url: other(api), key: cluster.key }, id).follow();
      expect(reader.text.toString()).toBe(answerText(message, 60));
      expect(reader.faults).toEqual([]);
    }
  });

  test('Last-Event-ID of one API is resumed at the other, to the byte', async () => {
    const [first, second] = cluster.apis as [string, string];
    const message = question();
    const id = await send(first, 'resume', message);
    const begun = await openStream(first, `/stream/${id}`, cluster.key);
    const events = await begun.until((seen) => applyEvents(seen).length > 40);
    begun.leave();
    const before = applyEvents(events);
    const rest = await openStream(second, `/stream/${id}`, cluster.key, events.at(-1)!.id!);
    const after = applyEvents(await rest.rest(), before);
    expect(after.toString()).toBe(answerText(message, 60));
    expect(before.length).toBeLessThan(after.length);
  });

  test.each(['nonsense', '9-99999-end-end', '1000000-5'])('the event id %s is refused', async (id) => {
    const generation = await send(cluster.url, 'malformed', question());
    const headers = { 'last-event-id': id };
    expect((await cluster.call('GET', `/stream/${generation}`, { headers })).json.error.code).toBe('event_id_invalid');
  });

  test('one Idempotency-Key at different replicas is one answer', async () => {
    const message = question();
    const headers = { 'idempotency-key': randomUUID() };
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, n) => send([cluster.url, ...cluster.apis][n % 3]!, 'once', message, headers)),
    );
    expect(new Set(ids).size).toBe(1);
    await answered(cluster.url, ids[0]!);
    const rows = await cluster.sql<{ count: string }>('SELECT count(*)::text AS count FROM messages WHERE id = $1', [
      ids[0],
    ]);
    expect(rows.reduce((sum, { count }) => sum + Number(count), 0)).toBe(1);
    const changed = await cluster.call('POST', '/stream-chat', { body: ask('once', question()), headers });
    expect(changed.json.error.code).toBe('idempotency_conflict');
  });

  test('a stop sent to any replica reaches the owner, and closes its connection to the model', async () => {
    for (const api of cluster.apis) {
      const message = `${question()} [[tokens:2000]]`;
      const body = { user_id: 'stop', message, max_tokens: 1024 };
      const id = (await cluster.call('POST', '/stream-chat', { at: other(api), body })).json.correlation_id;
      const reader = new AnswerReader({ url: other(api), key: cluster.key }, id);
      const following = reader.follow();
      await reader.hasBytes(60);
      const aborted = cluster.upstream.counts.aborted;
      const stopped = await cluster.call('POST', `/generations/${id}/stop`, { at: api });
      expect(stopped.json.state).toBe('cancelled');
      await eventually('the model is left', () => cluster.upstream.counts.aborted > aborted);
      await following;
      expect(reader.receipts[0]).toMatchObject({ state: 'cancelled', finish_reason: 'cancelled' });
      expect(answerText(message, 1024).startsWith(reader.text.toString())).toBe(true);
    }
  });

  test('the limit of POST /chat is exact across replicas', async () => {
    const doors = [cluster.url, ...cluster.apis];
    const replies = await Promise.all(
      Array.from({ length: 26 }, (_, n) =>
        cluster.call('POST', '/chat', { at: doors[n % 3]!, body: ask('eager', question(), { max_tokens: 10 }) }),
      ),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(6);
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('workspaces do not see each other, wherever they ask', async () => {
    const message = question();
    const id = await send(cluster.apis[0]!, 'ada', message);
    await answered(cluster.url, id);
    for (const at of [cluster.url, ...cluster.apis]) {
      const foreign = (path: string) => cluster.call('GET', path, { at, key: cluster.otherKey });
      expect((await foreign(`/check-response/${id}`)).status).toBe(404);
      expect((await foreign(`/stream/${id}`)).status).toBe(404);
      expect((await foreign('/users/ada/conversations')).json.items).toEqual([]);
      expect((await cluster.call('GET', '/users/ada/conversations', { at })).json.items).toHaveLength(1);
    }
  });

  test('who signed in at one API is signed in at the other', async () => {
    const [first, second] = cluster.apis as [string, string];
    const signedIn = await call(first, 'POST', '/session', { body: { api_key: cluster.key } });
    const cookie = signedIn.headers.get('set-cookie')!.split(';', 1)[0]!;
    expect((await call(second, 'GET', '/users/local/conversations', { headers: { cookie } })).status).toBe(200);
    await call(second, 'DELETE', '/session', { headers: { cookie } });
    expect((await call(first, 'GET', '/users/local/conversations', { headers: { cookie } })).status).toBe(401);
  });

  test('users live on both shards', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, n) => send(cluster.url, `resident-${n}`, question())));
    const homes = await cluster.sql<{ count: string }>('SELECT count(*)::text AS count FROM user_home');
    expect(homes.map(({ count }) => Number(count) > 0)).toEqual([true, true]);
  });
});

describe('keys', () => {
  test('one is added, shown once, good at every API, and refused there once it is revoked', async () => {
    const { code, out } = await cluster.command('keys', 'add', 'laptop', 'acme');
    expect(code).toBe(0);
    const key = out.trim();
    for (const at of cluster.apis) expect((await call(at, 'GET', '/models', { key })).status).toBe(200);
    const listed = (await cluster.command('keys', 'list', 'acme')).out;
    expect(listed).toMatch(/^[0-9a-f]{12} {2}\S+ {2}acme {2}laptop\n$/);
    expect(listed).not.toContain(key);
    const [id = ''] = listed.split(' ');
    expect((await cluster.command('keys', 'revoke', id)).out).toContain('revoked');
    for (const at of cluster.apis) {
      await eventually('it is refused', async () => (await call(at, 'GET', '/models', { key })).status === 401);
    }
    expect((await cluster.command('keys', 'revoke', id)).code).toBe(2);
    expect((await cluster.command('keys', 'add')).code).toBe(2);
  });
});

test('a budget of tokens is one for all APIs: requests at once cannot overspend it, and a stop gives back', async () => {
  const budget = 400;
  const { out } = await cluster.command('keys', 'add', 'metered', 'budgeted', '--tokens-per-day', String(budget));
  const key = out.trim();
  const post = (path: string, n: number, message: string, max_tokens: number) =>
    cluster.call('POST', path, {
      at: cluster.apis[n % 2]!,
      key,
      body: { user_id: `spender-${n}`, message, max_tokens },
    });
  // Each sets aside more than a quarter, and none ends by itself.
  const asked = await Promise.all(
    Array.from({ length: 8 }, (_, n) => post('/stream-chat', n, question('[[stall:2]]'), 120)),
  );
  const refused = asked.filter(({ status }) => status === 429);
  expect(refused.map(({ json }) => json.error.code)).toEqual(Array(5).fill('budget_exceeded'));
  const accepted = asked.filter(({ status }) => status === 200).map(({ json }) => json.correlation_id);
  for (const id of accepted) {
    // One that is stopped before the model has read anything used nothing, and is not counted.
    const reader = new AnswerReader({ url: cluster.url, key }, id);
    const following = reader.follow();
    await reader.hasBytes(1);
    await cluster.call('POST', `/generations/${id}/stop`, { at: cluster.apis[0]!, key });
    await following;
  }

  const usage = async () => (await cluster.call('GET', '/usage', { key })).json.total;
  const total = await eventually('all are counted', async () => {
    const counted = await usage();
    return counted.generations === accepted.length && counted;
  });
  const used = total.tokens.prompt + total.tokens.completion;
  for (const n of [0, 1]) {
    await eventually('what they did not use is given back', async () => {
      const { json } = await post('/chat', n, question(), 2 * budget);
      return json.error.details.remaining === budget - used;
    });
  }
  expect((await post('/chat', 1, question(), 50)).status).toBe(200);
  expect((await usage()).generations).toBe(accepted.length + 1);
});

describe('dead letters', () => {
  test('what cannot be answered is listed with every shard, and may be replayed', async () => {
    const message = `${question()} [[status:400]]`;
    const id = await send(cluster.url, 'unlucky', message);
    const failed = await eventually('it has failed', async () => {
      const { json } = await cluster.call('GET', `/check-response/${id}`);
      return json.error ? json : null;
    });
    expect(failed.error.code).toBe('generation_failed');
    expect((await cluster.command('dead-letters', 'list')).out).toContain(id);
    expect((await cluster.call('GET', '/debug/queue-stats')).json.dead_letters.message_count).toBe(1);
    expect((await cluster.command('dead-letters', 'replay', id)).out).toMatch(/^1 queued again/);
    await eventually('it has failed again', async () =>
      (await cluster.command('dead-letters', 'list')).out.includes(id),
    );
    expect((await cluster.command('dead-letters', 'replay', randomUUID())).code).toBe(2);
  });
});

describe('parts that leave, and parts that are lost', () => {
  const healthOf = async () => (await cluster.call('GET', '/health')).json;
  const isHealthy = () => eventually('all is up', async () => (await healthOf()).status === 'healthy');

  /** Sends and reads until told to stop; everything that a client could call an error is kept. */
  function load(clients: number) {
    const errors: string[] = [];
    let answers = 0;
    let going = true;
    const one = async (n: number) => {
      while (going) {
        const message = question();
        const sent = await cluster.call('POST', '/stream-chat', { body: ask(`load-${n}`, message) });
        if (sent.status !== 200) {
          errors.push(`POST ${sent.status} ${sent.text}`);
          continue;
        }
        const reader = await new AnswerReader(cluster, sent.json.correlation_id).follow();
        if (reader.text.toString() !== answerText(message, 60))
          errors.push(`${reader.id}: ${reader.text} (${message})`);
        errors.push(...reader.faults, ...reader.errors.map((error) => JSON.stringify(error)));
        answers += 1;
      }
    };
    const all = Promise.all(
      Array.from({ length: clients }, (_, n) => one(n).catch((error: unknown) => void errors.push(String(error)))),
    );
    return {
      errors,
      /** Of answers that were read to their end since this was asked. */
      more(count: number) {
        const before = answers;
        return eventually(`${count} more answers`, () => answers >= before + count || errors.length > 0);
      },
      async end() {
        going = false;
        await all;
        return answers;
      },
    };
  }

  test.each(['api-1', 'worker-1'])('SIGTERM of %s under load: no client sees an error', async (name) => {
    const busy = load(10);
    await busy.more(10);
    await cluster.part(name).stop();
    await busy.more(10);
    await cluster.part(name).start();
    await busy.more(10);
    await busy.end();
    expect(busy.errors).toEqual([]);
  });

  test('kill -9 of a worker in the middle of its answers: they are continued', async () => {
    const busy = load(8);
    await busy.more(8);
    await cluster.part('worker-1').kill();
    await busy.more(16);
    await cluster.part('worker-1').start();
    await busy.end();
    expect(busy.errors).toEqual([]);
  });

  test('the cache is lost: named by /health, and nobody else notices', async () => {
    await isHealthy();
    await cluster.part('redis-cache').kill();
    const report = await eventually('it is named', async () => {
      const json = await healthOf();
      return json.status === 'degraded' ? json : null;
    });
    expect(report.components).toMatchObject({ redis: 'down', database: 'up', rabbitmq: 'up' });
    const down = report.dependencies.filter(({ status }: { status: string }) => status === 'down');
    expect(down.map(({ name }: { name: string }) => name)).toEqual(['redis-cache']);
    const message = question();
    const { json } = await cluster.call('POST', '/chat', { body: ask('uncached', message) });
    expect(json.response).toBe(answerText(message, 60));
    await cluster.part('redis-cache').start();
    await isHealthy();
  });

  test('the broker is lost: accepts go on, and what waited runs once it is back', async () => {
    await cluster.part('rabbitmq').kill();
    await eventually('it is named', async () => (await healthOf()).components?.rabbitmq === 'down');
    expect((await call(cluster.apis[0]!, 'GET', '/readyz')).status).toBe(200);
    const messages = Array.from({ length: 6 }, () => question());
    const ids = await Promise.all(messages.map((message, n) => send(cluster.url, `patient-${n}`, message)));
    await cluster.part('rabbitmq').start();
    for (const [n, id] of ids.entries()) {
      expect((await answered(cluster.url, id)).response).toBe(answerText(messages[n]!, 60));
    }
    await isHealthy();
  });

  test('a shard is lost: its users get 503 with Retry-After, the others are answered', async () => {
    const homes = await cluster.sql<{ external_id: string; shard: number }>('SELECT external_id, shard FROM users');
    const [first, second] = [0, 1].map((shard) => homes.find((home) => home.shard === shard)!.external_id);
    await cluster.part('shard-2').kill();
    const refused = await eventually('it is refused', async () => {
      const reply = await cluster.call('POST', '/stream-chat', { body: ask(second!, question()) });
      return reply.status === 503 ? reply : null;
    });
    expect(refused.json.error.code).toBe('database_unavailable');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await answered(cluster.url, await send(cluster.url, first!, question()));
    const names = (await healthOf()).dependencies.filter(({ status }: { status: string }) => status === 'down');
    expect(names.map(({ name }: { name: string }) => name)).toEqual(['shard-2']);
    await cluster.part('shard-2').start();
    await isHealthy();
    await answered(cluster.url, await send(cluster.url, second!, question()));
  });
});
