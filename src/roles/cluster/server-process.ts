import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Part } from './part.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

/** An API or a worker, as it runs anywhere, with its settings in the environment. */
export function prepareServer(
  kind: 'api' | 'worker',
  name: string,
  folder: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Part {
  const at = join(folder, name);
  const address = `http://127.0.0.1:${port}`;
  const patienceMs = Number(settings.SHUTDOWN_DEADLINE ?? 20) * 1000 + 6_000;
  return new Part({
    name,
    kind,
    address,
    command: [process.execPath, MAIN, kind],
    env: {
      ...process.env,
      LOG_FORMAT: 'json',
      ...settings,
      DATA_DIR: at,
      HOST: '127.0.0.1',
      [kind === 'api' ? 'PORT' : 'WORKER_PORT']: `${port}`,
    },
    cwd: folder,
    log: join(at, 'log'),
    pidFile: join(at, 'pid'),
    stopSignal: 'SIGTERM',
    stopWithinMs: patienceMs,
    isReady: async () => (await fetch(`${address}/readyz`)).ok,
  });
}
