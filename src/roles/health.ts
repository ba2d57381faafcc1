import type { Db } from '../adapters/postgres/pool.ts';
import type { ComponentName, Dependency, HealthReport } from '../http/http.ts';
import type { GenerationQueue } from '../ports/generation-queue.ts';
import type { Inference } from '../ports/inference.ts';
import type { TokenLog } from '../ports/token-log.ts';

type Checked = { inference: Inference; log: TokenLog; queue: GenerationQueue; db: Db };

const PING = { name: 'ping', text: 'SELECT 1' };
/** Whoever has not answered by then counts as down: a question about health is answered. */
const PATIENCE_MS = 3_000;

/** Rejects where the database cannot be asked. */
export async function pingDatabase(db: Db): Promise<void> {
  await db.query(PING, []);
}

/** Asks each part of an embedded server for a sign of life. `backends`: what plays each role. */
export async function checkHealth(parts: Checked, backends: Record<ComponentName, string>): Promise<HealthReport> {
  const { dependencies: _, ...report } = reportOf(
    await Promise.all([
      checkDependency(backends.ray_serve, 'ray_serve', () => askModel(parts.inference)),
      checkDependency(backends.redis, 'redis', () => parts.log.stats()),
      checkDependency(backends.database, 'database', () => pingDatabase(parts.db)),
      checkDependency(backends.rabbitmq, 'rabbitmq', () => parts.queue.stats()),
    ]),
    backends,
  );
  return report;
}

/** A component is up when all of its servers are. */
export function reportOf(
  dependencies: readonly Dependency[],
  backends: Record<ComponentName, string>,
): HealthReport & { dependencies: readonly Dependency[] } {
  const down = dependencies.filter(({ status }) => status === 'down');
  const stateOf = (component: ComponentName) =>
    down.some((each) => each.component === component) ? ('down' as const) : ('up' as const);
  return {
    components: {
      ray_serve: stateOf('ray_serve'),
      redis: stateOf('redis'),
      database: stateOf('database'),
      rabbitmq: stateOf('rabbitmq'),
    },
    backends,
    detail: down.map(({ name, detail }) => `${name}: ${detail}`).join('; ') || null,
    dependencies,
  };
}

export async function checkDependency(
  name: string,
  component: ComponentName,
  ask: () => Promise<unknown>,
): Promise<Dependency> {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    await Promise.race([ask(), late]);
    return { name, component, status: 'up', latencyMs: rounded(performance.now() - started), detail: null };
  } catch (error) {
    return { name, component, status: 'down', latencyMs: null, detail: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

export async function askModel(inference: Inference): Promise<void> {
  const { status, detail } = await inference.health();
  if (status !== 'up') throw new Error(detail);
}

/** Milliseconds, to a tenth. */
export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
