import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CACHE, SetupError } from './project.mjs';
import { runCommand, runStep } from './run-command.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function chromiumIsInstalled() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.some((name) => folders.some((folder) => existsSync(join(folder, name))));
}

/** The browser of the page's tests: Debian's own package where that can be installed, else what to do by hand. */
export async function ensureChromium() {
  if (chromiumIsInstalled()) return;
  const byHand =
    'The tests of the page need Chromium on the PATH: install the package `chromium` (or Google Chrome), then run again';
  if (
    process.getuid?.() !== 0 ||
    (await runCommand('apt-get', ['--version'], { stdio: 'ignore' }).catch(() => 1)) !== 0
  ) {
    throw new SetupError(byHand);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const log = join(CACHE, 'apt.log');
  const explain = () => `${byHand} (apt-get failed; details: ${log})`;
  await runStep('Asking Debian for its packages', { command: 'apt-get', args: ['update'], env, log }, explain);
  await runStep(
    'Installing Chromium (apt-get; about 300 MB, once)',
    {
      command: 'apt-get',
      args: ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'],
      env,
      log,
    },
    explain,
  );
}
