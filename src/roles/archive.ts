import { type Archived, type ArchivedMonths, archiveMonths, archiveTotals } from '../adapters/postgres/archive.ts';
import { asOnlyKeeper } from '../adapters/postgres/keep-data.ts';
import type { Shard } from '../adapters/postgres/shards.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { formatBytes } from '../lib/format-units.ts';
import { reasonOf } from '../lib/reason-of.ts';
import { openCommandStore } from './open-command-store.ts';

const USAGE = 'usage: archive [MONTHS]; without MONTHS, ARCHIVE_AFTER_MONTHS is to be set';
const MONTHS = /^[1-9]\d{0,3}$/;
const PROGRESS_EVERY_MS = 5_000;

/** Packs what is older than so many whole months, on every shard; may be stopped, killed and run again at any time. */
export async function runArchive(
  config: EmbeddedConfig | StoreConfig,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const [given, ...rest] = args;
  const months = given === undefined ? config.data.archiveAfterMonths : MONTHS.test(given) ? Number(given) : 0;
  if (rest.length > 0 || months === 0) throw new ExitError('usage', USAGE);
  await using stack = new AsyncDisposableStack();
  const { shards } = await openCommandStore(config, new SystemClock(), stack);
  const failed: string[] = [];
  for (const shard of shards.all()) {
    try {
      await archiveShard(shard, months, signal);
    } catch (error) {
      failed.push(shard.name);
      process.stderr.write(`${shard.name}  ${reasonOf(error)}\n`);
    }
  }
  if (failed.length === 0) return;
  throw new ExitError('database', `not archived: ${failed.join(', ')}. What was is; run it again`);
}

async function archiveShard({ name, db }: Shard, months: number, signal: AbortSignal): Promise<void> {
  let saidAt = performance.now();
  const onProgress = (sofar: Archived) => {
    if (performance.now() - saidAt < PROGRESS_EVERY_MS) return;
    saidAt = performance.now();
    process.stderr.write(`${name}  ${describe(sofar)} so far\n`);
  };
  const done = await asOnlyKeeper(db, () => archiveMonths(db, months, signal, onProgress));
  if (done === null) return print(`${name}  another process is at it`);
  print(`${name}  ${describe(done)}${describeDropped(done)}; in all ${describe(await archiveTotals(db))}`);
}

function describe({ messages, rawBytes, packedBytes }: Archived): string {
  const saved = rawBytes - packedBytes;
  return `${messages} messages archived, ${formatBytes(rawBytes)} to ${formatBytes(packedBytes)}: ${saved} bytes saved`;
}

function describeDropped({ dropped }: ArchivedMonths): string {
  return dropped.length === 0 ? '' : `, ${dropped.join(', ')} dropped`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
