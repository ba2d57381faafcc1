import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmbeddedServer, eventually } from '../support/embedded-server.ts';
import { descendants, isRunning } from '../support/processes.ts';
import { ask, expectWhole, follow, holdUser } from './expect-whole.ts';

let server: EmbeddedServer;

beforeAll(async () => {
  server = await EmbeddedServer.start({ ENGINE_PACE_MS: 20, SHUTDOWN_DEADLINE: 5 });
  await server.modelIsReady();
});
afterAll(async () => await server[Symbol.asyncDispose]());

test('a second process on the data folder is refused, and told which pid holds it', async () => {
  const second = await server.command('--port', '0');
  expect(second.code).toBe(4);
  expect(second.err).toContain(String(server.pid));
  expect(second.err.trim().split('\n')).toHaveLength(1);
  expect((await server.call('GET', '/livez')).status).toBe(200);
});

test('SIGTERM in the middle of answers: leaves with 0, hands over, and the next start goes on', async () => {
  const first = await ask(server, { user_id: 'ann', max_tokens: 80 });
  const { conversation } = (await server.call('GET', `/generations/${first}`)).json;
  const queued = await ask(server, { user_id: 'ann', max_tokens: 10, conversation_id: conversation });
  const readers = [first, queued].map((id) => follow(server, id));
  await readers[0]!.hasBytes(30);
  const children = descendants(server.pid).map(({ pid }) => pid);
  expect(children.length).toBeGreaterThan(1);
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  // Not ended from outside: it did all there was to do.
  expect(server.output).not.toContain('deadline');
  await eventually('its children are gone', () => !children.some(isRunning));
  await server.start();
  const row = await expectWhole(server, first, [readers[0]!]);
  // A hand-over is no attempt.
  expect(row.attempts).toBe(1);
  await expectWhole(server, queued, [readers[1]!]);
});

test('SIGINT twice: leaves at once with 130, and loses nothing', async () => {
  // Long enough that it is not over before its user is held.
  const id = await ask(server, { user_id: 'bob', max_tokens: 300 });
  const reader = follow(server, id);
  await reader.hasBytes(30);
  const children = descendants(server.pid).map(({ pid }) => pid);
  // So that it cannot hand over in peace between the two.
  await using held = await holdUser(server, id);
  process.kill(server.pid, 'SIGINT');
  await held.blocked();
  expect(await server.end('SIGINT')).toEqual({ code: 130, signal: null });
  await eventually('its children are gone', () => !children.some(isRunning));
  await server.start();
  await expectWhole(server, id, [reader]);
});
