import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/roles/cluster/free-ports.ts';
import { findProgram } from '../../src/roles/cluster/installed.ts';
import { Part } from '../../src/roles/cluster/part.ts';
import type { LoadUpstream } from './generators.ts';
import type { Target } from './hold-streams.ts';
import type { System } from './system.ts';

/** The model server itself: what a reader has with nothing between. */
export function direct(upstream: LoadUpstream): Target {
  return { name: 'direct', mode: 'openai', hosts: [upstream.url], processes: () => [] };
}

/** Streams at the APIs. */
export function ours(system: System, name = 'ChatterBot'): Target {
  return {
    name,
    mode: 'stream',
    hosts: system.apis,
    key: system.key,
    processes: () => system.processes(),
    memory: () => [
      { group: 'api', pids: system.pidsOf('api') },
      { group: 'worker', pids: system.pidsOf('worker') },
    ],
  };
}

export function oursThroughNginx(system: System): Target {
  return { ...ours(system, 'ChatterBot through NGINX'), hosts: [system.address] };
}

/** A proxy that passes the model's stream on and knows nothing: the floor that we are held against. */
export async function startNginxPass(upstream: LoadUpstream, signal: AbortSignal): Promise<Target & AsyncDisposable> {
  const program = findProgram('nginx');
  if (program === null) throw new Error('NGINX is not installed: apt-get install nginx');
  const [port] = await freePorts(1);
  const folder = await mkdtemp(join(tmpdir(), 'chatterbot-nginx-'));
  const config = join(folder, 'nginx.conf');
  await writeFile(config, configuration(folder, port!, upstream.url));
  const address = `http://127.0.0.1:${port}`;
  const part = new Part({
    name: 'nginx',
    kind: 'nginx',
    address,
    command: [program, '-p', folder, '-c', config, '-g', 'daemon off;'],
    log: join(folder, 'log'),
    pidFile: join(folder, 'pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    isReady: async () => (await fetch(`${address}/health`)).ok,
  });
  await part.start(signal);
  return {
    name: 'nginx proxy_pass',
    mode: 'openai',
    hosts: [address],
    processes: () => [{ group: 'NGINX', pid: part.pid! }],
    async [Symbol.asyncDispose]() {
      await part.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, port: number, upstream: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 9900; }
http {
${temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  access_log off;
  upstream model { server ${new URL(upstream).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_buffering off;
      proxy_read_timeout 150s;
    }
  }
}
`;
}
