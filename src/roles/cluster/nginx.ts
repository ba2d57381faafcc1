import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ExitError } from '../../config/exit-codes.ts';
import { Part } from './part.ts';

const CONFIGURATION = fileURLToPath(new URL('../../../deploy/nginx/', import.meta.url));
const run = promisify(execFile);

/** The configuration of `deploy/nginx`, with the addresses of this cluster in place of its examples. */
export async function prepareNginx(
  program: string,
  folder: string,
  port: number,
  apis: readonly string[],
): Promise<Part> {
  const at = join(folder, 'nginx');
  await mkdir(join(at, 'temporary'), { recursive: true });
  const site = await readFile(join(CONFIGURATION, 'chatterbot.conf'), 'utf8');
  const rendered = site
    .replace(/^( *)server 127\.0\.0\.1:8001[^\n]*\n(?: *server [^\n]*\n)*/m, (_, indent: string) =>
      apis.map((api) => `${indent}server ${new URL(api).host} max_fails=0;\n`).join(''),
    )
    .replace(/listen 80[^;]*;/, `listen 127.0.0.1:${port} backlog=4096;`);
  const main = (await readFile(join(CONFIGURATION, 'nginx.conf'), 'utf8'))
    .replace(/^user .*$/m, '')
    .replace(/^pid .*$/m, `pid ${join(at, 'nginx.pid')};`)
    .replace(/^error_log .*$/m, 'error_log stderr warn;')
    // Two connections a stream: enough together for 10,000 of them, and each within 10,000 open files.
    .replace(/^worker_processes .*$/m, 'worker_processes 3;')
    // Whatever this machine allows already: it may not be raised everywhere.
    .replace(/^worker_rlimit_nofile .*$/m, '')
    .replace(/worker_connections \d+;/, 'worker_connections 8192;')
    .replace(/access_log .*;/, 'access_log off;')
    .replace('/etc/nginx/conf.d/chatterbot.conf', join(at, 'chatterbot.conf'))
    .replace(/^http \{$/m, `http {\n${temporaryFolders(join(at, 'temporary'))}`);
  await writeFile(join(at, 'chatterbot.conf'), rendered);
  await writeFile(join(at, 'nginx.conf'), main);
  const command = [program, '-p', at, '-c', join(at, 'nginx.conf'), '-g', 'daemon off;'];
  try {
    await run(command[0]!, [...command.slice(1), '-t'], { timeout: 10_000 });
  } catch (error) {
    throw new ExitError(
      'internal',
      `NGINX refuses its configuration: ${(error as { stderr?: string }).stderr ?? error}`,
    );
  }
  const address = `http://127.0.0.1:${port}`;
  return new Part({
    name: 'nginx',
    kind: 'nginx',
    address,
    command,
    log: join(at, 'log'),
    pidFile: join(at, 'pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    isReady: async () => (await fetch(`${address}/livez`)).ok,
  });
}

function temporaryFolders(folder: string): string {
  return ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(folder, name)};`)
    .join('\n');
}
