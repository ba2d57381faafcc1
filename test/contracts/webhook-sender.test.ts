import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebhookHttpSender, webhookSecretOf } from '../../src/adapters/webhook-http/webhook-sender.ts';
import type { WebhookNotice } from '../../src/ports/webhooks.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const SECRET = 'a-secret-of-the-operator';
const WORKSPACE = '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7';
const OPTIONS = { secret: SECRET, timeoutMs: 20_000 } as const;

let receiver: WebhookReceiver;
let inside: WebhookHttpSender;
let outside: WebhookHttpSender;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  inside = new WebhookHttpSender({ ...OPTIONS, reach: 'any' });
  outside = new WebhookHttpSender({ ...OPTIONS, reach: 'public' });
});
afterAll(async () => {
  await inside[Symbol.asyncDispose]();
  await outside[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});
beforeEach(() => {
  receiver.notices.length = 0;
  receiver.answer = (_request, response) => void response.writeHead(204).end();
});

const notice = (change: Partial<WebhookNotice> = {}): WebhookNotice => ({
  id: 'notice-1',
  workspaceId: WORKSPACE,
  url: receiver.url,
  body: '{"type":"generation.done"}',
  ...change,
});
const { signal } = new AbortController();

describe('a notice', () => {
  test('is signed so that libraries of Standard Webhooks know it, OpenAI’s among them', async () => {
    await inside.send(notice(), signal);
    const [told] = receiver.notices;
    expect(told!.headers['webhook-id']).toBe('notice-1');
    const { webhooks } = new OpenAI({ apiKey: 'unused' });
    const check = (body: string, workspace: string) =>
      webhooks.unwrap(body, new Headers(told!.headers), webhookSecretOf(SECRET, workspace));
    expect(await check(told!.body, WORKSPACE)).toEqual({ type: 'generation.done' });
    await expect(check(`${told!.body} `, WORKSPACE)).rejects.toThrow();
    await expect(check(told!.body, '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e8')).rejects.toThrow();
  });

  test.each([
    [500, false],
    [404, false],
    [302, false],
    [410, true],
  ])('answered %i is not taken; given up at once: %s', async (status, isFinal) => {
    receiver.answer = (_request, response) => void response.writeHead(status, { location: '/elsewhere' }).end();
    await expect(inside.send(notice(), signal)).rejects.toMatchObject({ message: `answered ${status}`, isFinal });
    expect(receiver.notices).toHaveLength(1);
  });

  test('is bounded in time, and in what is read of its answer', async () => {
    const brief = new WebhookHttpSender({ ...OPTIONS, reach: 'any', timeoutMs: 300 });
    receiver.answer = () => {};
    await expect(brief.send(notice(), signal)).rejects.toMatchObject({ message: 'took too long', isFinal: false });
    let written = 0;
    receiver.answer = (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await inside.send(notice(), signal);
    expect(written).toBeLessThan(50_000_000);
    await brief[Symbol.asyncDispose]();
  });

  test('to nobody there fails, to be tried again', async () => {
    await using gone = await startWebhookReceiver();
    const url = gone.url;
    await gone[Symbol.asyncDispose]();
    await expect(inside.send(notice({ url }), signal)).rejects.toMatchObject({
      message: 'ECONNREFUSED',
      isFinal: false,
    });
  });
});

describe('addresses that are not public', () => {
  test.each([
    'https://127.0.0.1/x',
    'https://0x7f.1/x',
    'https://2130706433/x',
    'https://10.1.2.3/x',
    'https://172.31.0.1/x',
    'https://192.168.1.1/x',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/x',
    'https://0.0.0.0/x',
    'https://[::1]/x',
    'https://[::]/x',
    'https://[fd00::1]/x',
    'https://[fe80::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://[64:ff9b::a00:1]/x',
    'https://[2002:a00:1::]/x',
    'http://example.org/x',
    'ftp://example.org/x',
    'https://user:password@example.org/x',
    'nonsense',
  ])('are refused as they are written: %s', async (url) => {
    await expect(outside.send(notice({ url }), signal)).rejects.toMatchObject({ isFinal: true });
  });

  test('are refused behind a name, by what it resolves to when it is connected to', async () => {
    const url = receiver.url.replace('http://127.0.0.1', 'https://localhost');
    await expect(outside.send(notice({ url }), signal)).rejects.toMatchObject({
      isFinal: true,
      message: 'the name leads to an address that is not public',
    });
    expect(receiver.notices).toEqual([]);
  });
});
