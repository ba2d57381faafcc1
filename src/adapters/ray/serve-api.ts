import { request } from 'undici';
import { reasonOf } from '../../lib/reason-of.ts';

/** A Ray cluster's dashboard, whose REST API Ray Serve is told through. */
export type Dashboard = { url: string; token: string | null };

/** The body of `PUT /api/serve/applications/`, and the content of a file for `serve deploy` or a RayService. */
export type ServeConfig = {
  proxy_location: string;
  http_options: { host: string; port: number };
  applications: readonly ServeApplication[];
};

export type ServeApplication = { name: string; route_prefix: string; import_path: string; args: object };

export type ServeDetails = {
  /** Null: Serve is not running there yet. */
  http_options: { host: string; port: number } | null;
  proxy_location: string | null;
  applications: Readonly<Record<string, ApplicationDetails>>;
};

export type ApplicationDetails = {
  status: 'NOT_STARTED' | 'DEPLOYING' | 'DEPLOY_FAILED' | 'RUNNING' | 'UNHEALTHY' | 'DELETING';
  message: string;
  route_prefix: string | null;
  /** Null: it was deployed by a program, and is left alone by what is applied here. */
  deployed_app_config: ServeApplication | null;
  deployments: Readonly<Record<string, DeploymentDetails>>;
};

export type DeploymentDetails = {
  status: string;
  message: string;
  target_num_replicas?: number | null;
  replicas: readonly ReplicaDetails[];
};

type ReplicaDetails = { replica_id: string; state: string; node_ip?: string | null; log_file_path?: string | null };

/** `unreachable`: nobody answers. `refused`: Ray does not take it, or the key; the same would be refused again. */
export class RayServeError extends Error {
  readonly kind: 'unreachable' | 'refused';

  constructor(kind: 'unreachable' | 'refused', message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RayServeError';
    this.kind = kind;
  }
}

const PATH = '/api/serve/applications/';
const READ_TIMEOUT_MS = 10_000;
/** The first application of a cluster has Ray start Serve before it answers. */
const APPLY_TIMEOUT_MS = 120_000;
const LONGEST_WORDS = 2000;

/** What Serve runs there and how it is. */
export async function readServe(dashboard: Dashboard, signal: AbortSignal): Promise<ServeDetails> {
  const text = await ask(dashboard, { method: 'GET', timeoutMs: READ_TIMEOUT_MS }, signal);
  try {
    const details = JSON.parse(text) as Partial<ServeDetails>;
    if (typeof details.applications !== 'object') throw new Error('no applications in the answer');
    return { http_options: null, proxy_location: null, ...details } as ServeDetails;
  } catch (cause) {
    throw new RayServeError('refused', `${dashboard.url} answers, but not as Ray's dashboard does`, { cause });
  }
}

/** Replaces everything that was applied before. Ray answers before anything is up. */
export async function applyServe(dashboard: Dashboard, config: ServeConfig, signal: AbortSignal): Promise<void> {
  await ask(dashboard, { method: 'PUT', body: JSON.stringify(config), timeoutMs: APPLY_TIMEOUT_MS }, signal);
}

type Question = { method: 'GET' | 'PUT'; body?: string; timeoutMs: number };

async function ask(
  { url, token }: Dashboard,
  { method, body, timeoutMs }: Question,
  signal: AbortSignal,
): Promise<string> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request(url + PATH, {
      method,
      headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
      signal: AbortSignal.any([signal, late]),
      body: body ?? null,
    });
    const text = await response.body.text();
    if (response.statusCode === 200) return text;
    throw refusal(url, response.statusCode, text);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RayServeError) throw error;
    const why = late.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(error);
    throw new RayServeError('unreachable', `Ray's dashboard at ${url} cannot be reached: ${why}`, { cause: error });
  }
}

function refusal(url: string, status: number, text: string): RayServeError {
  if (status === 401 || status === 403) {
    return new RayServeError(
      'refused',
      `${url} refuses the key (${status}): set RAY_AUTH_TOKEN to the cluster's token`,
    );
  }
  if (status === 404) {
    return new RayServeError('refused', `${url} has no ${PATH} (404): is it Ray's dashboard, of Ray 2.9 or newer?`);
  }
  // Its controller or its store is on the way up, or a proxy before it.
  if (status === 502 || status === 503 || status === 504) {
    return new RayServeError(
      'unreachable',
      `Ray's dashboard at ${url} cannot answer now (${status}): ${wordsOf(text)}`,
    );
  }
  return new RayServeError('refused', `Ray refuses this configuration (${status}): ${wordsOf(text)}`);
}

/** Plain text, or `{"result": false, "msg": …}`. */
function wordsOf(text: string): string {
  try {
    const { msg } = JSON.parse(text) as { msg?: string };
    if (typeof msg === 'string') return msg.slice(-LONGEST_WORDS).trim();
  } catch {}
  return text.slice(0, LONGEST_WORDS).trim() || 'without a word';
}
