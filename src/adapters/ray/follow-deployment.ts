import { setTimeout as sleep } from 'node:timers/promises';
import { type ApplicationDetails, type Dashboard, RayServeError, readServe } from './serve-api.ts';

/** Milliseconds. */
export type FollowTimes = {
  lookEveryMs: number;
  /** Until the application runs. */
  deadlineMs: number;
  /** How long it may be unhealthy, or Ray silent, before that counts: both mend themselves now and then. */
  patienceMs: number;
};

/** The application did not come up. `details`: how Ray described it last, null where it never did. */
export class DeploymentFailed extends Error {
  readonly details: ApplicationDetails | null;

  constructor(message: string, details: ApplicationDetails | null) {
    super(message);
    this.name = 'DeploymentFailed';
    this.details = details;
  }
}

/** Looks until the application runs, and tells of each change. Rejects with DeploymentFailed or a RayServeError. */
export async function followDeployment(
  dashboard: Dashboard,
  application: string,
  { lookEveryMs, deadlineMs, patienceMs }: FollowTimes,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now();
  const ill = new Illness(patienceMs);
  let told = '';
  let details: ApplicationDetails | null = null;
  for (; ; await sleep(lookEveryMs, undefined, { signal })) {
    const seen = await look(dashboard, application, signal);
    if (seen instanceof RayServeError) {
      if (seen.kind === 'refused' || ill.isLong()) throw seen;
    } else {
      details = seen;
      const line = describeProgress(seen);
      if (line !== told) tell(line);
      told = line;
      if (seen?.status === 'RUNNING') return;
      if (seen?.status === 'DEPLOY_FAILED') throw new DeploymentFailed('Ray could not start it', seen);
      if (seen?.status === 'UNHEALTHY') {
        if (ill.isLong()) throw new DeploymentFailed(`it stays unhealthy for ${seconds(patienceMs)}`, seen);
      } else ill.isOver();
    }
    if (performance.now() - started > deadlineMs) {
      throw new DeploymentFailed(`it does not run after ${seconds(deadlineMs)}`, details);
    }
  }
}

async function look(
  dashboard: Dashboard,
  application: string,
  signal: AbortSignal,
): Promise<ApplicationDetails | null | RayServeError> {
  try {
    return (await readServe(dashboard, signal)).applications[application] ?? null;
  } catch (error) {
    if (error instanceof RayServeError) return error;
    throw error;
  }
}

/** For how long without a break it has been ill. */
class Illness {
  readonly #patienceMs: number;
  #since: number | null = null;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  isLong(): boolean {
    this.#since ??= performance.now();
    return performance.now() - this.#since >= this.#patienceMs;
  }

  isOver(): void {
    this.#since = null;
  }
}

/** `deploying: LLMServer:tiny 0 of 1 (1 starting), OpenAiIngress 1 of 1`. */
function describeProgress(details: ApplicationDetails | null): string {
  if (!details) return 'Ray has taken it';
  const deployments = Object.entries(details.deployments).map(([name, { replicas, target_num_replicas }]) => {
    const running = replicas.filter(({ state }) => state === 'RUNNING').length;
    const others = replicas.filter(({ state }) => state !== 'RUNNING').map(({ state }) => state.toLowerCase());
    const beside = [...new Set(others)].map((state) => `${others.filter((each) => each === state).length} ${state}`);
    const brackets = beside.length > 0 ? ` (${beside.join(', ')})` : '';
    return `${name} ${running} of ${target_num_replicas ?? '?'}${brackets}`;
  });
  const status = details.status.toLowerCase().replaceAll('_', ' ');
  return deployments.length > 0 ? `${status}: ${deployments.join(', ')}` : status;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
