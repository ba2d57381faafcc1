import { FolderLockedError, lockFolder } from '../../src/lib/folder-lock.ts';

/** Takes the lock of a folder, says how that went in one line, and holds it until its input ends. */
const [folder = ''] = process.argv.slice(2);
try {
  await using _lock = await lockFolder(folder, 'chatterbot.lock');
  process.stdout.write('held\n');
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.once('end', resolve));
} catch (error) {
  if (!(error instanceof FolderLockedError)) throw error;
  process.stdout.write(`refused ${error.pid}\n`);
}
process.exit(0);
