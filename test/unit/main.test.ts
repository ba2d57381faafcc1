import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatterbot-main-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder, env: { PATH: process.env.PATH } }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

test('--help lists commands and the settings that matter', async () => {
  const { code, out } = await run('dead-letters', '--help');
  expect(code).toBe(0);
  for (const part of ['dead-letters replay', '--port', '--api-keys', '.env.example']) expect(out).toContain(part);
  expect(out.split('\n').every((line) => line.length <= 100)).toBe(true);
});

test('--version is that of the package', async () => {
  expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('what is wrong in the file of models is named with its line', async () => {
  writeFileSync(join(folder, 'models.yaml'), 'models:\n  - name: a\n    servers: [{ url: nowhere }]\n');
  const { code, err } = await run('--models-file', 'models.yaml');
  expect([code, err]).toEqual([
    2,
    'chatterbot: MODELS_FILE (models.yaml, line 3): models[0].servers[0].url is not an http:// or https:// address\n',
  ]);
  expect((await run('--models-file', 'none.yaml')).err).toContain('MODELS_FILE (none.yaml) cannot be read');
});

test('everything that is wrong is named at once, on standard error, with exit code 2', async () => {
  writeFileSync(join(folder, '.env'), 'PROT=1\n');
  expect(await run('--host', '0.0.0.0', '--lease-ms=soon')).toEqual({
    code: 2,
    out: '',
    err: [
      'chatterbot: PROT (.env, line 1): there is no such setting; did you mean PORT?',
      'chatterbot: --lease-ms (flag): "soon" is not a whole number, from 1000 to 3600000',
      '',
    ].join('\n'),
  });
});
