import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../../src/roles/cluster/free-ports.ts';
import { endAtExit, endMarked } from './marked-processes.ts';
import { rayVariables } from './python.ts';

export type Ray = { dashboard: string; token: string; serveUrl: string; mark: string };

/** What replicas say they take; the machine has less, and gives each its turn. */
const CPUS = 8;
/** Of processes that run code: replicas, engines, builds of applications. */
const WORKER_PORTS = 60;
const OBJECT_STORE_BYTES = 200_000_000;
const run = promisify(execFile);

/** A cluster of one machine, on free ports of 127.0.0.1, behind a token of its own. */
export async function startRay(environment: string): Promise<Ray & AsyncDisposable> {
  // Its sockets stand in here, whose names must be short.
  const folder = mkdtempSync('/tmp/cbray-');
  endAtExit(folder);
  const token = randomBytes(32).toString('hex');
  const [gcs, dashboard, agent, client, metrics, serve, ...workers] = await freePorts(6 + WORKER_PORTS);
  const args = [
    ...['start', '--head', '--node-ip-address=127.0.0.1', `--port=${gcs}`, `--temp-dir=${folder}`],
    ...['--include-dashboard=true', '--dashboard-host=127.0.0.1', `--dashboard-port=${dashboard}`],
    ...[`--ray-client-server-port=${client}`, `--metrics-export-port=${metrics}`],
    ...[`--dashboard-agent-listen-port=${agent}`, `--worker-port-list=${workers.join(',')}`, `--num-cpus=${CPUS}`],
    ...[`--object-store-memory=${OBJECT_STORE_BYTES}`, '--disable-usage-stats'],
  ];
  const env = { ...rayVariables(environment, folder), RAY_AUTH_MODE: 'token', RAY_AUTH_TOKEN: token };
  const stop = async () => {
    await endMarked(folder);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await run(join(environment, 'bin', 'ray'), args, { env });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    dashboard: `http://127.0.0.1:${dashboard}`,
    token,
    serveUrl: `http://127.0.0.1:${serve}`,
    mark: folder,
    [Symbol.asyncDispose]: stop,
  };
}
