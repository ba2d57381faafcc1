import { stringify } from 'yaml';
import { describeFailure } from '../../adapters/ray/describe-failure.ts';
import { DeploymentFailed, followDeployment } from '../../adapters/ray/follow-deployment.ts';
import type { ModelDeployment } from '../../adapters/ray/model-deployment.ts';
import {
  applyServe,
  type Dashboard,
  RayServeError,
  readServe,
  type ServeApplication,
  type ServeDetails,
} from '../../adapters/ray/serve-api.ts';
import { renderApplication, withApplication } from '../../adapters/ray/serve-config.ts';
import type { StoreConfig } from '../../config/config.ts';
import { ExitError } from '../../config/exit-codes.ts';
import type { RayConfig } from '../../config/ray-config.ts';
import { migrateAll } from '../migrate.ts';
import { awaitToken } from './await-token.ts';
import { chooseModel } from './choose-model.ts';
import { DEPLOY_USAGE, type DeployOptions, parseDeployOptions } from './options.ts';

/** Each is read where it is needed: a dry run needs neither. */
export type DeployConfig = { ray: () => RayConfig; store: () => StoreConfig };

const SERVE_PORT = 8000;
const LOOK_EVERY_MS = 1000;
/** Ray takes up to three minutes to give a dead engine another. */
const PATIENCE_MS = 240_000;

/** Has Ray Serve serve a model, and returns once it has answered. Standard output gets the configuration only. */
export async function runDeploy(config: DeployConfig, args: readonly string[], signal: AbortSignal): Promise<void> {
  const options = parseDeployOptions(args);
  if (!options) return void process.stdout.write(DEPLOY_USAGE);
  const model = chooseModel(options);
  const application = renderApplication(model, options.route);
  if (options.dryRun) return dryRun(application, options);

  const ray = config.ray();
  const dashboard: Dashboard = { url: ray.dashboard, token: ray.token };
  // Whatever can be refused is refused before the first change.
  const store = options.initDb ? config.store() : null;
  try {
    const running = await readServe(dashboard, signal);
    checkRoute(application, running);
    const serve = serveAddress(options, ray, running);
    if (store) await migrateAll(store, say);
    await deploy({ dashboard, application, model, running, serve }, options, signal);
  } catch (error) {
    throw asExit(error, application, dashboard, signal);
  }
}

function dryRun(application: ServeApplication, options: DeployOptions): void {
  show({ http_options: listenAt(options.serveUrl), applications: [application] });
  say('nothing was sent; the databases were not touched');
}

type Target = {
  dashboard: Dashboard;
  application: ServeApplication;
  model: ModelDeployment;
  running: ServeDetails;
  serve: URL;
};

async function deploy(target: Target, options: DeployOptions, signal: AbortSignal): Promise<void> {
  const { dashboard, application, model, running, serve } = target;
  const config = withApplication(application, running, listenAt(serve));
  show({ ...config, applications: [application] });
  const others = config.applications.filter(({ name }) => name !== application.name).map(({ name }) => name);
  if (others.length > 0) say(`${others.join(', ')} there: left as ${others.length > 1 ? 'they are' : 'it is'}`);
  const started = performance.now();
  const tell = (line: string) =>
    say(`${String(Math.round((performance.now() - started) / 1000)).padStart(4)} s  ${line}`);
  tell(`${application.name} to ${dashboard.url}`);
  await applyServe(dashboard, config, signal);
  const times = { lookEveryMs: LOOK_EVERY_MS, deadlineMs: options.deadlineMs, patienceMs: PATIENCE_MS };
  await followDeployment(dashboard, application.name, times, tell, signal);
  const url = `${serve.origin}${application.route_prefix.replace(/\/$/, '')}/v1`;
  const { text, afterMs } = await awaitToken({ url, model: model.model }, tell, signal);
  tell(`it answers: ${JSON.stringify(text)}, its first token after ${Math.round(afterMs)} ms`);
  say(`\nINFERENCE_URL=${url}\nMODEL=${model.model}`);
}

/** The host of `RAY_ADDRESS` at Serve's port, unless another address is given. */
function serveAddress({ serveUrl }: DeployOptions, { dashboard }: RayConfig, { http_options }: ServeDetails): URL {
  if (serveUrl) return serveUrl;
  return new URL(`http://${new URL(dashboard).hostname}:${http_options?.port ?? SERVE_PORT}`);
}

/** Serve of this machine alone is not for others to reach: it asks nobody for a key. */
function listenAt(serve: URL | null): { host: string; port: number } {
  const isLocal = serve !== null && /^(localhost|127\.\d+\.\d+\.\d+)$/.test(serve.hostname);
  return { host: isLocal ? '127.0.0.1' : '0.0.0.0', port: Number(serve?.port || SERVE_PORT) };
}

function checkRoute({ name, route_prefix }: ServeApplication, { applications }: ServeDetails): void {
  const holder = Object.entries(applications).find(
    ([other, { route_prefix: route }]) => other !== name && route === route_prefix,
  );
  if (!holder) return;
  throw new ExitError(
    'usage',
    `${route_prefix} is where ${holder[0]} answers: choose another, such as --route /${name}`,
  );
}

function asExit(error: unknown, { name }: ServeApplication, { url }: Dashboard, signal: AbortSignal): unknown {
  if (signal.aborted) return error;
  const see = `see ${url}/#/serve/applications/${name}`;
  if (error instanceof DeploymentFailed) {
    const words = error.details ? describeFailure(error.details) : [];
    return new ExitError('deploy', [`${name}: ${error.message}`, ...words, see].join('\n'), { cause: error });
  }
  if (error instanceof RayServeError) return new ExitError('deploy', error.message, { cause: error });
  return error;
}

function show(config: object): void {
  process.stdout.write(stringify(config, { aliasDuplicateObjects: false }));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
