import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { inject } from 'vitest';
import { stringify } from 'yaml';
import { applyServe, type Dashboard, readServe, type ServeDetails } from '../../../src/adapters/ray/serve-api.ts';
import { until } from '../../contracts/until.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const { signal } = new AbortController();

export const dashboard = (): Dashboard => ({ url: inject('ray').dashboard, token: inject('ray').token });
export const serveDetails = (): Promise<ServeDetails> => readServe(dashboard(), signal);

/** A model of two layers on two processors. */
export const TINY = {
  accelerator: 'cpu',
  context_tokens: 512,
  requests: { target: 4, most: 4, waiting: 16 },
  drain_s: 5,
  engine: { dtype: 'bfloat16', enforce_eager: true, block_size: 32 },
};

/** Runs `chatterbot deploy` on a file of this content, at `/MODEL`. */
export async function deploy(
  model: { model: string; source: string } & Partial<typeof TINY>,
  args: readonly string[] = [],
): Promise<{ code: number; out: string; err: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'chatterbot-deploy-'));
  const file = join(folder, 'model.yaml');
  writeFileSync(file, stringify({ ...TINY, ...model }));
  const { dashboard: url, token, serveUrl } = inject('ray');
  const all = [MAIN, 'deploy', '--model', file, '--route', `/${model.model}`, '--serve-url', serveUrl, ...args];
  const env = { PATH: process.env.PATH, RAY_ADDRESS: url, RAY_AUTH_TOKEN: token };
  try {
    return await new Promise((resolve) => {
      execFile(process.execPath, all, { cwd: folder, env }, (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err });
      });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Takes every application down, so that the next file has the machine for itself. */
export async function removeAll(): Promise<void> {
  const { http_options, proxy_location } = await serveDetails();
  if (!http_options || proxy_location === null) return;
  await applyServe(dashboard(), { proxy_location, http_options, applications: [] }, signal);
  await until(async () => Object.keys((await serveDetails()).applications).length === 0);
}
