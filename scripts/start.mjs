import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { innerEnvironment, ROOT, SetupError, say } from './lib/project.mjs';
import { signalNumber } from './lib/run-command.mjs';

/**
 * `npm start`: sets up what is missing, then is the server's launcher. Runs on Node 20 with nothing installed.
 */
const args = process.argv.slice(2);
/** `setup` of src/config/exit-codes.ts, which Node 20 cannot read. */
const EXIT_SETUP = 8;

const hasOwnHelp = args[0] === 'cluster' || args[0] === 'deploy';
const asksHelp = args.includes('--help') || args.includes('-h') || args[0] === 'help';
if (asksHelp && !hasOwnHelp) {
  process.stdout.write(readFileSync(join(ROOT, 'docs', 'help.txt'), 'utf8'));
} else if (args.includes('--version') || args[0] === 'version') {
  process.stdout.write(`${JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version}\n`);
} else {
  try {
    const { setUp } = await import('./lib/set-up.mjs');
    launch(await setUp());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`chatterbot: ${error.message}`);
    process.exitCode = EXIT_SETUP;
  }
}

/**
 * The server gets a process group of its own, so that Ctrl-C reaches it once, from here: a terminal sends it
 * to the whole group and npm passes it on once more, and a second one means "leave at once". The channel
 * tells the server when this process is gone, however it went.
 * @param {string} node
 */
function launch(node) {
  const child = spawn(node, [join(ROOT, 'src', 'main.ts'), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: innerEnvironment(),
    detached: true,
  });
  /** What comes within this time of the same signal is the same press of a key. */
  const SAME_PRESS_MS = 150;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    let last = Number.NEGATIVE_INFINITY;
    process.on(signal, () => {
      const now = performance.now();
      if (now - last > SAME_PRESS_MS) child.kill(signal);
      last = now;
    });
  }
  child.once('error', (error) => {
    say(`chatterbot: ${node} could not be started: ${error.message}`);
    process.exit(EXIT_SETUP);
  });
  child.once('exit', (code, signal) => process.exit(code ?? 128 + signalNumber(signal)));
}
