import { ensureInstalled, ensureServers } from '../src/roles/cluster/installed.ts';
import { FAKETIME } from '../test/support/faketime.ts';
import { PGBOUNCER } from '../test/support/pgbouncer.ts';

/** What tests, faults and benchmarks start for themselves, from the machine's own packages. `--faketime`: clocks too; `--pgbouncer`: a pooler. */
const say = (line: string) => console.error(line);
const { signal } = new AbortController();
try {
  await ensureServers(true, say, signal);
  const more = [
    ...(process.argv.includes('--faketime') ? [FAKETIME] : []),
    ...(process.argv.includes('--pgbouncer') ? [PGBOUNCER] : []),
  ];
  await ensureInstalled(more, say, signal);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
