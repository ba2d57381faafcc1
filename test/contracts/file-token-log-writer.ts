import { FileTokenLog } from '../../src/adapters/file/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { characterAt } from './file-token-log-text.ts';

/**
 * Run as a process of its own, to be killed: goes on with every log it is given, and says after each
 * append how far the log is certain to reach. It ends by itself with its parent, or after many rounds.
 */
process.stdin.on('end', () => process.exit(1)).resume();
const ROUNDS = 10_000;
const [folder = '', epoch = '1', ...ids] = process.argv.slice(2);
const log = new FileTokenLog({ folder, clock: new SystemClock() });
const logs = [];
for (const id of ids) {
  const outcome = await log.open(id, Number(epoch));
  if (outcome.kind === 'refused') throw new Error(`refused by ${outcome.epoch}`);
  logs.push({ id, characters: [...new TextDecoder().decode(outcome.text)].length, bytes: outcome.text.length });
}
for (let round = 0; round < ROUNDS; round++) {
  for (const one of logs) {
    const count = 1 + (one.characters % 700);
    const text = new TextEncoder().encode(
      Array.from({ length: count }, (_, n) => characterAt(one.characters + n)).join(''),
    );
    const at = { text: one.bytes, reasoning: 0 };
    const [outcome] = await log.append([{ id: one.id, epoch: Number(epoch), at, text, reasoning: new Uint8Array(0) }]);
    if (outcome?.kind !== 'appended') throw new Error(JSON.stringify(outcome));
    one.characters += count;
    one.bytes += text.length;
    process.stdout.write(`${one.id} ${one.bytes}\n`);
  }
  await new Promise(setImmediate);
}
process.exit(1);
