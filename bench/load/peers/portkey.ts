import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Peer } from './peer.ts';
import { folderOf } from './python.ts';

const run = promisify(execFile);
const FOLDER = folderOf('portkey');
const SERVER = join(FOLDER, 'node_modules/@portkey-ai/gateway/build/start-server.js');

export const portkey: Peer = {
  name: 'Portkey',
  async install() {
    if (existsSync(SERVER)) return;
    await mkdir(FOLDER, { recursive: true });
    // Newer ones of these two make every call a 500, "immutable".
    const overrides = { hono: '4.9.7', '@hono/node-server': '1.13.8' };
    const dependencies = { '@portkey-ai/gateway': '1.15.2' };
    await writeFile(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
    await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: FOLDER, timeout: 10 * 60_000 });
  },
  serve: (port) => ({
    command: [process.execPath, SERVER, `--port=${port}`, '--headless'],
    env: { NODE_ENV: 'production' },
    isReady: async (address) => (await fetch(address)).ok,
  }),
  headers: (upstream) => ({ 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream}/v1` }),
};
