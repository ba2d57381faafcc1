import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { ExitError, exitFor } from '../../src/config/exit-codes.ts';

const systemError = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

test('a busy port is told from one that is not allowed', async () => {
  const first = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => first.once('listening', resolve));
  const { port } = first.address() as { port: number };
  const second = createServer().listen(port, '127.0.0.1');
  const error = await new Promise((resolve) => second.once('error', resolve));
  first.close();
  expect(exitFor(error)).toEqual({
    kind: 'port',
    line: `127.0.0.1:${port} is in use by another program: stop that one, or choose another --port`,
  });
  expect(exitFor(systemError('EACCES', { syscall: 'listen' })).kind).toBe('port');
});

test.each([
  [new ExitError('database', 'it did not start'), 'database'],
  [systemError('ENOSPC', { path: '/data/x' }), 'storage'],
  [systemError('EROFS', { syscall: 'mkdir' }), 'storage'],
  [systemError('EACCES', { syscall: 'spawn postgres' }), 'internal'],
  [new TypeError('x is not a function'), 'internal'],
  ['thrown text', 'internal'],
])('%s leaves as %s', (error, kind) => {
  expect(exitFor(error).kind).toBe(kind);
});
