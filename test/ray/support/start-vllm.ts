import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../../src/roles/cluster/free-ports.ts';
import { until } from '../../contracts/until.ts';
import { endAtExit, endMarked } from './marked-processes.ts';
import { rayVariables } from './python.ts';

export type Vllm = { url: string; mark: string };

/** vLLM's own server, with one model that is called `tiny`. */
export async function startVllm(
  environment: string,
  model: string,
  args: readonly string[] = [],
): Promise<Vllm & AsyncDisposable> {
  const folder = mkdtempSync('/tmp/cbvllm-');
  endAtExit(folder);
  const [port] = await freePorts(1);
  const log = join(folder, 'log');
  const output = openSync(log, 'a');
  const all = [
    ...['serve', model, '--served-model-name', 'tiny', '--host', '127.0.0.1', '--port', String(port)],
    ...['--max-model-len', '512', '--max-num-seqs', '32', '--dtype', 'bfloat16', '--enforce-eager'],
    ...['--block-size', '32', '--enable-prompt-tokens-details', ...args],
  ];
  const env = {
    ...rayVariables(environment, folder),
    // Otherwise an engine that is killed leaves its sockets in the folder of all.
    VLLM_RPC_BASE_PATH: folder,
    VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'True',
  };
  const child = spawn(join(environment, 'bin', 'vllm'), all, {
    env,
    stdio: ['ignore', output, output],
    detached: true,
  });
  const stop = async () => {
    await endMarked(folder);
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  await until(async () => child.exitCode !== null || (await isUp(url)));
  if (child.exitCode !== null) {
    const said = readFileSync(log, 'utf8').slice(-2000);
    await stop();
    throw new Error(`vLLM ended with ${child.exitCode}: ${said}`);
  }
  return { url, mark: folder, [Symbol.asyncDispose]: stop };
}

async function isUp(url: string): Promise<boolean> {
  return (await fetch(`${url}/health`).catch(() => null))?.ok === true;
}
