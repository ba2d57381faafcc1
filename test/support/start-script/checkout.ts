import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

export type Run = { child: ChildProcess; output: () => string; exited: Promise<number | null> };

/**
 * A checkout with the real scripts, and stand-ins for what they call: npm, Vite and the server. Each
 * notes in `calls` that it ran.
 */
export class Checkout implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'chatterbot-start-'));
  readonly #runs: Run[] = [];
  #seen = 0;

  constructor() {
    cpSync(join(PROJECT, 'scripts'), join(this.root, 'scripts'), { recursive: true });
    this.write('package.json', JSON.stringify({ type: 'module', version: '1.2.3' }));
    this.write('docs/help.txt', 'the help\n');
    this.write('web/vite.config.ts', '');
    this.lock('1.0.0');
    this.write('calls', '');
    this.write('bin/npm', NPM);
    this.write('src/main.ts', SERVER);
  }

  /** The lock file, as of a checkout in which a package has that version. */
  lock(version: string): void {
    this.write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/node': { version } } }));
  }

  write(path: string, content: string): void {
    mkdirSync(join(this.root, path, '..'), { recursive: true });
    writeFileSync(join(this.root, path), content, { mode: 0o755 });
  }

  exists(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** What ran since the last call of this. The file only grows: emptying it would lose what is written meanwhile. */
  calls(): string[] {
    const calls = this.read('calls').split('\n').slice(0, -1);
    const since = calls.slice(this.#seen);
    this.#seen = calls.length;
    return since;
  }

  start(args: readonly string[] = [], env: Record<string, string> = {}): Run {
    const PATH = [join(this.root, 'bin'), process.env.PATH].join(delimiter);
    const child = spawn(process.execPath, [join(this.root, 'scripts', 'start.mjs'), ...args], {
      cwd: this.root,
      env: { ...process.env, PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (text += piece));
    const run = { child, output: () => text, exited: once(child, 'close').then(([code]) => code as number | null) };
    this.#runs.push(run);
    return run;
  }

  [Symbol.dispose](): void {
    for (const { child } of this.#runs) child.kill('SIGKILL');
    // The server of a killed launcher may still write its last word.
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** A module, since the package says so. Makes what `npm ci` makes of the lock file above; fails or hangs as the test's variables say. */
const NPM = `#!${process.execPath}
import { appendFileSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
const { FAKE_NPM_ERROR, FAKE_NPM_MS = '50' } = process.env;
process.title = 'npm ' + process.argv.slice(2).join(' ');
writeFileSync('npm.pid', String(process.pid));
appendFileSync('calls', 'npm ' + process.argv[2] + '\\n');
if (FAKE_NPM_ERROR) { console.error(FAKE_NPM_ERROR); process.exit(1); }
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules/node/bin', { recursive: true });
symlinkSync(process.execPath, 'node_modules/node/bin/node');
mkdirSync('node_modules/vite/bin', { recursive: true });
writeFileSync('node_modules/vite/bin/vite.js', ${JSON.stringify(`
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
const out = process.argv[process.argv.indexOf('--outDir') + 1];
appendFileSync('calls', 'vite\\n');
mkdirSync(out, { recursive: true });
writeFileSync(out + '/index.html', '');
`)});
setTimeout(() => copyFileSync('package-lock.json', 'node_modules/.package-lock.json'), Number(FAKE_NPM_MS));
`;

/** Tells what it was given and each signal; leaves when told to by word (\`exit=N\`), SIGTERM, or the loss of its launcher. */
const SERVER = `
import { appendFileSync } from 'node:fs';
const note = (word) => { appendFileSync('calls', word + '\\n'); console.log(word); };
note(['server', ...process.argv.slice(2)].join(' '));
const code = process.argv.find((arg) => arg.startsWith('--exit='));
if (code) process.exit(Number(code.slice(7)));
const idle = setInterval(() => {}, 1000);
process.on('SIGINT', () => note('SIGINT'));
process.on('SIGTERM', () => { note('SIGTERM'); process.exit(9); });
process.once('disconnect', () => { note('alone'); process.exit(0); });
`;
