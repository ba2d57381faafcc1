import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNode } from './install-node-packages.mjs';
import { fingerprint, readStamp } from './lib/fingerprint.mjs';
import { CACHE, innerEnvironment, isMain, PAGE, ROOT, SetupError, say } from './lib/project.mjs';
import { runStep } from './lib/run-command.mjs';

const CONFIG = join('web', 'vite.config.ts');
const STAMP = `${PAGE}.stamp`;

const wanted = () => fingerprint(['web', 'client', join('src', 'protocol'), 'package-lock.json']);

export function pageIsBuilt() {
  return existsSync(join(PAGE, 'index.html')) && readStamp(STAMP) === wanted();
}

/** Builds beside the old page and puts the new one in its place. Call it under the set-up lock. */
export async function buildPage() {
  if (pageIsBuilt()) return;
  if (!existsSync(join(ROOT, CONFIG))) throw new SetupError(`${CONFIG} is missing: restore it from the repository`);
  const stamp = wanted();
  const next = `${PAGE}.next`;
  rmSync(next, { recursive: true, force: true });
  const log = join(CACHE, 'build-page.log');
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  await runStep(
    'Building the page',
    {
      command: findNode(),
      args: [vite, 'build', '--config', CONFIG, '--outDir', next, '--emptyOutDir'],
      env: innerEnvironment(),
      log,
      sign: 'vite.js build',
    },
    () => `The page could not be built (details: ${log})`,
  );
  mkdirSync(PAGE, { recursive: true });
  const old = `${PAGE}.old`;
  rmSync(old, { recursive: true, force: true });
  rmSync(STAMP, { force: true });
  renameSync(PAGE, old);
  renameSync(next, PAGE);
  writeFileSync(STAMP, `${stamp}\n`);
  rmSync(old, { recursive: true, force: true });
}

if (isMain(import.meta.url)) {
  const { withSetupLock } = await import('./lib/setup-lock.mjs');
  rmSync(STAMP, { force: true });
  await withSetupLock(buildPage).catch((error) => {
    say(error instanceof SetupError ? error.message : error.stack);
    process.exitCode = 1;
  });
}
