import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../../../src/roles/cluster/free-ports.ts';
import { EmbeddedServer, type Settings } from '../../support/embedded-server.ts';
import { type Network, startNetwork } from './network.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Builds the page unless it is built from these sources already. */
export async function ensurePage(): Promise<void> {
  const build = "import('./scripts/build-page.mjs').then((page) => page.buildPage())";
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', build], { cwd: ROOT });
}

export type PageServer = AsyncDisposable & {
  /** As the browser reaches it: over `network`. */
  url: string;
  network: Network;
  /** As a crash would: no handler runs. */
  kill(): Promise<void>;
  /** On the same port and data. */
  start(settings?: Settings): Promise<void>;
  json<T>(path: string, body?: unknown): Promise<T>;
};

/** The real server with the tiny model, behind a network that can be cut. */
export async function startPageServer(settings: Settings = {}): Promise<PageServer> {
  const port = (await freePorts(1))[0]!;
  const network = await startNetwork({ port });
  const server = await EmbeddedServer.start({ PORT: port, PUBLIC_URL: network.url, AUTO_TITLES: 'off', ...settings });
  await server.modelIsReady();
  return {
    url: network.url,
    network,
    kill: () => server.kill(),
    async start(changed) {
      await server.start(changed);
      await server.modelIsReady();
    },
    async json<T>(path: string, body?: unknown) {
      const reply = await server.call(body === undefined ? 'GET' : 'POST', path, body === undefined ? {} : { body });
      if (reply.status >= 400) throw new Error(`${path} was answered with ${reply.status}: ${reply.text}`);
      return reply.json as T;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await network[Symbol.asyncDispose]();
    },
  };
}
