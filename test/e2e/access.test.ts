import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeTable } from '../../src/http/route-table.ts';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { askAs, MATRIX, type Owned, PRINCIPALS } from '../support/access-matrix.ts';
import { EmbeddedServer } from '../support/embedded-server.ts';
import { call, rawCall } from '../support/http-client.ts';
import { complaintAbout, fuzzRoute } from '../support/http-fuzz.ts';

const ROUTES = routeTable(DEFAULT_REQUEST_LIMITS);
const OWNER = 'owner-key-0123456789';
const OTHER = 'other-key-0123456789';
const KEYS = { owner: OWNER, 'other workspace': OTHER, 'unknown key': 'unknown-key', nobody: undefined };

describe('the embedded server', () => {
  let server: EmbeddedServer;
  let owned: Owned;
  let port: number;
  beforeAll(async () => {
    server = await EmbeddedServer.start({
      API_KEYS: `default:${OWNER},other:${OTHER}`,
      RATE_LIMIT_CHAT_PER_MINUTE: 100_000,
      RATE_LIMIT_REQUESTS_PER_MINUTE: 100_000,
      SYNC_TIMEOUT: 5,
    });
    port = Number(new URL(server.url).port);
    await server.modelIsReady();
    // A number that no conversation of the stranger's own will have.
    const body = { user_id: 'owner', message: 'The secret is a marmot.', max_tokens: 10 };
    for (let count = 0; count < 3; count++) await call(server.url, 'POST', '/chat', { key: OWNER, body });
    const { items } = (await call(server.url, 'GET', '/users/owner/conversations/3/messages', { key: OWNER })).json;
    const models = (await call(server.url, 'GET', '/models', { key: OWNER })).json;
    const [{ id: model }] = models.items;
    owned = { user_id: 'owner', number: 3, messageId: items[0].id, generationId: items[0].id, model };
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  for (const id of Object.keys(MATRIX)) {
    const route = ROUTES.find((each) => each.id === id)!;
    test(`${route.method} ${route.path}: owner, stranger, unknown key, nobody`, async () => {
      for (const name of PRINCIPALS) {
        const key = KEYS[name];
        const { reply, expected } = await askAs(server.url, route, { name, ...(key && { key }) }, owned, true);
        expect(reply.status, `${name}: ${reply.text}`).toBe(expected);
        if (name !== 'owner') expect(reply.text).not.toContain('marmot');
      }
    });
  }

  test('the page speaks for the local user; no other site, name or proxy does', async () => {
    const list = '/users/local/conversations';
    const host = `127.0.0.1:${port}`;
    const own = { host, 'sec-fetch-site': 'same-origin' };
    const status = async (headers: Record<string, string>, method = 'GET', body?: string) =>
      (await rawCall(port, method, list, { ...(body && { 'content-type': 'application/json' }), ...headers }, body))
        .status;
    const message = '{"message":"Hello","max_tokens":10}';
    expect(await status(own)).toBe(200);
    expect(await status(own, 'POST', message)).toBe(202);
    expect(await status({ host })).toBe(401);
    expect(await status({ host: `rebound.example:${port}`, 'sec-fetch-site': 'same-origin' })).toBe(403);
    expect(
      await status({ host, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, 'POST', message),
    ).toBe(403);
    expect(await status({ host, origin: 'null' }, 'POST', message)).toBe(403);
    expect(await status({ ...own, 'x-forwarded-for': '203.0.113.5' })).toBe(401);
  });

  test('whatever is sent to whatever route, the same process answers with a documented 4xx', async () => {
    const { pid } = server;
    const complaints: string[] = [];
    // What those of OpenAI accept runs to the model's end, and a download to the file's: they are sent the same in
    // test/unit/http-fuzz.test.ts.
    const isLong = ({ group, id }: (typeof ROUTES)[number]) => group === 'OpenAI' || id === 'postLocalModelDownload';
    for (const route of ROUTES.filter((each) => !isLong(each))) {
      for await (const shot of fuzzRoute(server.url, OWNER, route)) {
        const complaint = complaintAbout(shot);
        if (complaint) complaints.push(complaint);
      }
    }
    expect(complaints).toEqual([]);
    expect(server.pid).toBe(pid);
    expect((await call(server.url, 'GET', '/livez')).json).toEqual({ status: 'alive' });
  }, 300_000);
});
