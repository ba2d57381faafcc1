import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Command, parseCommandLine } from './config/command-line.ts';
import { buildConfig } from './config/config.ts';
import { ConfigError } from './config/config-error.ts';
import { readSettings } from './config/env.ts';
import { EXIT_CODES, ExitError, exitFor } from './config/exit-codes.ts';
import { renderHelp } from './config/help.ts';
import { rayConfig } from './config/ray-config.ts';

// Halves what a start costs, since roles are loaded below, as they are asked for. Not in a folder that others may
// write to; where this one cannot be written, nothing is kept.
enableCompileCache(fileURLToPath(new URL('../.cache/compiled', import.meta.url)));

/** Role from argv, signals; nothing else. */
async function main(): Promise<void> {
  const { command, flags, problems } = parseCommandLine(process.argv.slice(2));
  if (problems.length > 0) throw new ConfigError(problems);
  if (command.kind === 'help') return void process.stdout.write(renderHelp());
  if (command.kind === 'version') return void process.stdout.write(`${packageVersion()}\n`);
  if (command.kind === 'cluster') {
    const { runCluster } = await import('./roles/cluster/cluster.ts');
    return runCluster(command.args, shutdownSignal(CLUSTER_DEADLINE_MS));
  }
  const values = readSettings({ flags, environment: process.env, dotEnv: readDotEnv() });
  await run(command, values);
}

type Given = ReturnType<typeof readSettings>;

async function run(command: Exclude<Command, { kind: 'help' | 'version' | 'cluster' }>, given: Given): Promise<void> {
  const surroundings = {
    workingDirectory: process.cwd(),
    isTerminal: process.stdout.isTTY === true,
    ...readModelsFile(given.MODELS_FILE),
  };
  const shared = () => buildConfig(given, surroundings, 'store');
  const either = () => buildConfig(given, surroundings, given.DATABASE_URLS ? 'store' : 'embedded');
  switch (command.kind) {
    case 'serve': {
      const config = buildConfig(given, surroundings);
      return (await import('./roles/embedded.ts')).runEmbedded(config, shutdownSignal(config.shutdownDeadlineMs));
    }
    case 'api':
    case 'worker': {
      const config = buildConfig(given, surroundings, 'distributed');
      const signal = shutdownSignal(config.shutdownDeadlineMs);
      if (command.kind === 'api') return (await import('./roles/api.ts')).runApi(config, signal);
      return (await import('./roles/worker.ts')).runWorker(config, signal);
    }
    case 'archive':
      return (await import('./roles/archive.ts')).runArchive(
        either(),
        command.args,
        shutdownSignal(ARCHIVE_DEADLINE_MS),
      );
    case 'keys':
      return (await import('./roles/keys.ts')).runKeys(either(), command.args);
    case 'users':
      return (await import('./roles/users.ts')).runUsers(either(), command.args);
    case 'webhooks':
      return (await import('./roles/webhooks.ts')).runWebhooks(either(), command.args);
    case 'dead-letters':
      return (await import('./roles/dead-letters.ts')).runDeadLetters(either(), command.args);
    case 'deploy': {
      const config = { ray: () => rayConfig(given), store: shared };
      return (await import('./roles/deploy/deploy.ts')).runDeploy(
        config,
        command.args,
        shutdownSignal(DEPLOY_DEADLINE_MS),
      );
    }
    case 'migrate':
      return (await import('./roles/migrate.ts')).runMigrate(shared(), command.args);
    case 'shards':
      return (await import('./roles/shards.ts')).runShards(shared(), command.args);
  }
}

/** A chunk under way is finished. */
const ARCHIVE_DEADLINE_MS = 30_000;

/** It only looks: what Ray was told goes on without it. */
const DEPLOY_DEADLINE_MS = 5_000;

/** Databases end with a checkpoint, servers with a drain. */
const CLUSTER_DEADLINE_MS = 60_000;

/** What a role may throw once it was told to leave: no failure. */
class ShutdownRequest extends Error {}

/** A role keeps its deadline itself; what hangs this much longer is ended from here. */
const OVERTIME_MS = 5000;

/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP, and when the process that launched this one is gone. A
 * second SIGINT leaves at once: what is unfinished is recovered by the next start.
 */
function shutdownSignal(deadlineMs: number): AbortSignal {
  const controller = new AbortController();
  const leave = (why: string): void => {
    if (controller.signal.aborted) return;
    controller.abort(new ShutdownRequest(`told to leave: ${why}`));
    setTimeout(
      () => fail(new ExitError('internal', `not done within the deadline after ${why}`)),
      deadlineMs + OVERTIME_MS,
    ).unref();
  };
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(EXIT_CODES.interrupted.code);
    leave('SIGINT');
  });
  process.on('SIGTERM', () => leave('SIGTERM'));
  process.on('SIGHUP', () => leave('SIGHUP'));
  if (process.channel) {
    process.once('disconnect', () => leave('the loss of its launcher'));
    process.channel.unref();
  }
  return controller.signal;
}

function readDotEnv(): string | null {
  try {
    return readFileSync('.env', 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConfigError([`.env cannot be read: ${(error as Error).message}`]);
  }
}

function readModelsFile(path: string | undefined) {
  if (path === undefined) return {};
  try {
    const text = readFileSync(path.replace(/^~(?=$|\/)/, homedir()), 'utf8');
    return { modelsFile: { path, text, environment: process.env } };
  } catch (error) {
    throw new ConfigError([`MODELS_FILE (${path}) cannot be read: ${(error as Error).message}`]);
  }
}

function packageVersion(): string {
  const source = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(source) as { version: string }).version;
}

function fail(error: unknown): never {
  const { kind, line } = exitFor(error);
  for (const one of line.split('\n')) process.stderr.write(`chatterbot: ${one}\n`);
  if (kind === 'internal' && error instanceof Error && !(error instanceof ExitError)) {
    process.stderr.write(`${error.stack}\n`);
  }
  process.exit(EXIT_CODES[kind].code);
}

function isShutdown(error: unknown): boolean {
  return error instanceof ShutdownRequest || (error instanceof Error && error.cause instanceof ShutdownRequest);
}

try {
  await main();
} catch (error) {
  if (!isShutdown(error)) fail(error);
}
// Handles that a role left open must not keep a finished process alive.
process.exit(EXIT_CODES.ok.code);
