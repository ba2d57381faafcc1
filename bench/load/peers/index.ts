import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../src/roles/cluster/free-ports.ts';
import { Part } from '../../../src/roles/cluster/part.ts';
import type { LoadUpstream } from '../generators.ts';
import type { Target } from '../hold-streams.ts';
import { fastApi } from './fastapi.ts';
import { liteLlm } from './litellm.ts';
import { openWebUi } from './open-webui.ts';
import type { Peer } from './peer.ts';
import { portkey } from './portkey.ts';

const PEERS: Readonly<Record<string, Peer>> = {
  portkey,
  'fastapi-openai': fastApi,
  litellm: liteLlm,
  'open-webui': openWebUi,
};
export const PEER_NAMES = Object.keys(PEERS);

/** `absent`: names of those that were not asked for. */
export type Peers = AsyncDisposable & { targets: readonly Target[]; absent: readonly string[] };

/** Installs and starts those named. */
export async function startPeers(
  names: readonly string[],
  upstream: LoadUpstream,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<Peers> {
  await using stack = new AsyncDisposableStack();
  const targets: Target[] = [];
  for (const name of names) {
    const peer = PEERS[name];
    if (!peer) throw new Error(`There is no peer ${name}; peers are ${PEER_NAMES.join(', ')}`);
    log(`${peer.name}: being installed`);
    await peer.install(log);
    targets.push(stack.use(await start(peer, upstream.url, signal)));
  }
  const kept = stack.move();
  return {
    targets,
    absent: PEER_NAMES.filter((name) => !names.includes(name)).map((name) => PEERS[name]!.name),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function start(peer: Peer, upstream: string, signal: AbortSignal): Promise<Target & AsyncDisposable> {
  const [port] = await freePorts(1);
  const folder = await mkdtemp(join(tmpdir(), 'chatterbot-peer-'));
  const address = `http://127.0.0.1:${port}`;
  const { command, env, isReady, ...reached } = peer.serve(port!, upstream, folder);
  const part = new Part({
    name: peer.name,
    kind: 'api',
    address,
    command,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
    cwd: folder,
    log: join(folder, 'log'),
    pidFile: join(folder, 'pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    isReady: () => isReady(address),
  });
  await part.start(signal);
  const signedIn = (await peer.signIn?.(address)) ?? {};
  return {
    name: peer.name,
    mode: 'openai',
    hosts: [address],
    ...reached,
    ...signedIn,
    ...(peer.headers && { headers: peer.headers(upstream) }),
    processes: () => [{ group: peer.name, pid: part.pid! }],
    async [Symbol.asyncDispose]() {
      await part.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
