import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Part } from '../../src/roles/cluster/part.ts';
import { AnswerReader } from '../support/answer-reader.ts';
import { eventually, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { clientOf, question } from '../support/cluster-client.ts';
import { answerText } from '../support/fake-upstream.ts';
import { applyEvents, openStream, type SseEvent } from '../support/http-client.ts';

const LENGTH = 150;

/** `Last-Event-ID`, wherever a reader comes back and whatever it claims to have seen. */
let cluster: TestCluster;
let client: ReturnType<typeof clientOf>;
beforeAll(async () => {
  cluster = await startTestCluster({ workers: 0, upstream: { length: LENGTH, paceMs: 20 } });
  client = clientOf(cluster);
}, 180_000);
afterAll(() => cluster?.[Symbol.asyncDispose](), 60_000);

/** Reads until it has some text, and leaves. */
async function begun(at: string, id: string): Promise<SseEvent[]> {
  const stream = await openStream(at, `/stream/${id}`, cluster.key);
  const events = await stream.until((seen) => applyEvents(seen).length > 60);
  stream.leave();
  return events;
}

async function resumed(at: string, id: string, lastEventId: string): Promise<SseEvent[]> {
  const stream = await openStream(at, `/stream/${id}`, cluster.key, lastEventId);
  expect(stream.response.status).toBe(200);
  const events = await stream.rest();
  expect(events.at(-1)?.data).toBe('[DONE]');
  return events;
}

const namesOf = (events: readonly SseEvent[]) => events.map(({ name }) => name);

describe('an id from before a takeover', () => {
  /** The answer's owner is killed while it writes, after which another one has it. */
  async function takenOver(
    settings: Record<string, string>,
  ): Promise<{ id: string; message: string; old: SseEvent[]; next: Part }> {
    const [first] = cluster.apis;
    const message = question();
    const dying = await client.join('worker', settings);
    const id = await client.send('takeover', message);
    const old = await begun(first!, id);
    expect(old.at(-1)!.id).toMatch(/^1-/);
    await dying.kill();
    const next = await client.join('worker', settings);
    await eventually('another owner has it', async () => (await client.row(id))!.epoch > 1);
    return { id, message, old, next };
  }

  test('is resumed at another API while the next owner writes on, and from the stored answer', async () => {
    const { id, message, old, next } = await takenOver({});
    await using _ = next;
    const whole = answerText(message, LENGTH);
    for (const at of [cluster.apis[1]!, cluster.apis[0]!, cluster.url]) {
      const events = await resumed(at, id, old.at(-1)!.id!);
      // The model goes on with what was written: nothing that a reader has is taken from it.
      expect(namesOf(events)).not.toContain('restart');
      expect(applyEvents(events, applyEvents(old)).toString()).toBe(whole);
    }
    expect((await client.row(id))!.state).toBe('done');
  });

  test('where the model starts again, what the reader had is dropped', async () => {
    const { id, message, old, next } = await takenOver({ INFERENCE_SERVER: 'openai' });
    await using _ = next;
    for (const at of [cluster.apis[1]!, cluster.apis[0]!]) {
      const events = await resumed(at, id, old.at(-1)!.id!);
      expect(namesOf(events)).toContain('restart');
      expect(applyEvents(events, Buffer.from('of the first owner')).toString()).toBe(answerText(message, LENGTH));
    }
  });

  test('with the log lost as well, the rest is read from the stored answer', async () => {
    const { id, message, old, next } = await takenOver({});
    await using _ = next;
    await client.answered(id);
    await cluster.part('redis-state').kill();
    await cluster.emptyRedis('redis-state');
    await cluster.part('redis-state').start();
    await client.isHealthy();
    const events = await resumed(cluster.apis[1]!, id, old.at(-1)!.id!);
    expect(applyEvents(events, applyEvents(old)).toString()).toBe(answerText(message, LENGTH));
  });

  test('an API is killed: its reader resumes at the other one', async () => {
    await using _ = await client.join('worker');
    const message = question();
    const id = await client.send('api-killed', message);
    const reader = new AnswerReader(cluster, id);
    const following = reader.follow();
    await reader.hasBytes(60);
    await cluster.part('api-1').kill();
    await reader.hasBytes(120);
    await cluster.part('api-1').start();
    await cluster.part('api-2').kill();
    await following;
    await cluster.part('api-2').start();
    expect(reader.text.toString()).toBe(answerText(message, LENGTH));
    expect([reader.faults, reader.errors]).toEqual([[], []]);
  });
});

describe('an id from the future', () => {
  const FAR = 99_999;

  test('bytes that are not written yet: the reader is told where the answer stands', async () => {
    await using _ = await client.join('worker');
    const message = question();
    const id = await client.send('future', message);
    await begun(cluster.apis[0]!, id);
    const claimed = Buffer.alloc(FAR, '?');
    for (const at of cluster.apis) {
      const events = await resumed(at, id, `1-${FAR}`);
      const text = applyEvents(events, claimed);
      // What it claims to have before that is its own matter; from there on every byte is the answer's.
      const rewind = events.find(({ name }) => name === 'rewind')!.json.offset;
      const whole = Buffer.from(answerText(message, LENGTH));
      expect(text.length).toBe(whole.length);
      expect(text.subarray(rewind).equals(whole.subarray(rewind))).toBe(true);
    }
    await client.answered(id);
  });

  test('an epoch that a failed-over database has forgotten: the reader starts again', async () => {
    await using _ = await client.join('worker');
    const message = question();
    const id = await client.send('future', message);
    await begun(cluster.apis[0]!, id);
    for (const at of cluster.apis) {
      const events = await resumed(at, id, `4-${FAR}`);
      const text = applyEvents(events, Buffer.alloc(FAR, '?'));
      expect(text.length).toBe(Buffer.byteLength(answerText(message, LENGTH)));
    }
    await client.answered(id);
  });

  test('an epoch that no database gave: refused, running or done', async () => {
    await using _ = await client.join('worker');
    const id = await client.send('future', question());
    await begun(cluster.apis[0]!, id);
    const refused = async () => {
      for (const at of [cluster.url, ...cluster.apis]) {
        const reply = await cluster.call('GET', `/stream/${id}`, { at, headers: { 'last-event-id': '500-3' } });
        expect([reply.status, reply.json.error.code]).toEqual([400, 'event_id_invalid']);
      }
    };
    await refused();
    await client.answered(id);
    await refused();
  });

  test('before anybody began: the reader waits, and has the whole of it', async () => {
    const message = question();
    const id = await client.send('future', message);
    const reading = resumed(cluster.apis[1]!, id, '1-0');
    await sleep(200);
    await using _ = await client.join('worker');
    expect(applyEvents(await reading).toString()).toBe(answerText(message, LENGTH));
  });
});

describe('a malformed id', () => {
  const MALFORMED = [
    '1',
    '1-',
    '-5',
    '1--5',
    '1-5-',
    '1-5-END',
    '1.0-5',
    '1-5.',
    '1-5.x',
    '0x1-5',
    '1-5 1-6',
    '½-5',
    `1-${'9'.repeat(13)}`,
    '9'.repeat(30),
  ];

  test('is refused in the header and in the query, and harms nothing', async () => {
    await using _ = await client.join('worker');
    const message = question();
    const id = await client.send('malformed', message);
    for (const [n, wrong] of MALFORMED.entries()) {
      const at = [cluster.url, ...cluster.apis][n % 3]!;
      const headers = { 'last-event-id': wrong };
      const query = `?last_event_id=${encodeURIComponent(wrong)}`;
      const replies = [
        await cluster.call('GET', `/stream/${id}`, { at, headers }),
        await cluster.call('GET', `/stream/${id}${query}`, { at }),
      ];
      const refused = { status: 400, code: 'event_id_invalid' };
      expect(replies.map(({ status, json }) => ({ wrong, status, code: json?.error.code }))).toEqual([
        { wrong, ...refused },
        { wrong, ...refused },
      ]);
    }
    expect((await client.answered(id)).response).toBe(answerText(message, LENGTH));
  });
});
