import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { OpenAiHttpOptions } from '../../src/adapters/openai-http/options.ts';
import { PooledInference, type PooledModel } from '../../src/adapters/pool/inference.ts';
import type { ModelInfo } from '../../src/ports/inference.ts';
import { openAgainst } from './upstream-inference.ts';

const PROGRAM = fileURLToPath(new URL('./fake-upstream.ts', import.meta.url));

export type ModelServers = Partial<Omit<ModelInfo, 'id'>> & { id: string; servers: readonly { url: string }[] };

/** A pool whose models are served by these fakes, each under the name `fake`; servers are called s0, s1 … */
export async function openPool(
  models: readonly ModelServers[],
  options: Partial<OpenAiHttpOptions> = {},
  probeDelays = { first: 20, longest: 100 },
): Promise<PooledInference & AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  let servers = 0;
  const pooled: PooledModel[] = [];
  for (const { id, servers: urls, ...more } of models) {
    const members = [];
    for (const url of urls) {
      const inference = stack.use(await openAgainst(url, options));
      members.push({ source: { name: `s${servers++}`, inference }, servedAs: 'fake', weight: 1 });
    }
    pooled.push({ sampling: {}, id, members, describe: (listed) => ({ ...listed!, ...more, id }) });
  }
  const pool = stack.use(new PooledInference({ models: pooled, probeDelays }));
  return Object.assign(pool, { [Symbol.asyncDispose]: () => stack.disposeAsync() });
}

/** A fake server in a process of its own, to be killed. */
export async function spawnUpstream(
  args: readonly string[],
): Promise<{ url: string; child: ChildProcess } & AsyncDisposable> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return {
    url,
    child,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
