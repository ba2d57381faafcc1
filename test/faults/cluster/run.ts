import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { runFaults } from './run-faults.ts';
import { faultTable, isKept } from './table.ts';

const USAGE = `Usage: npm run faults -- [OPTION …]

Kills, pauses and drains every part of a cluster under load, in turn and together, and compares every byte.

  --generations N   at least so many answers (2000)
  --rounds N        every fault at least so often (2)
  --people N        who ask at the same time (24)
  --seed S          order of the faults, and what people do
  --only A,B        only faults whose names hold one of these
  --short           200 generations, every fault once

Faults: ${FAULTS.map(({ name }) => name).join(', ')}
`;
const OUT = fileURLToPath(new URL('../../../bench/out/', import.meta.url));
const SHOWN = 20;

const { values } = parseArgs({
  options: {
    generations: { type: 'string' },
    rounds: { type: 'string' },
    people: { type: 'string' },
    seed: { type: 'string', default: `${Math.floor(Date.now() / 1000) % 100_000}` },
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const size = values.short ? { generations: 200, rounds: 1, people: 12 } : { generations: 2_000, rounds: 2, people: 24 };
const number = (text: string | undefined, otherwise: number) => {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`"${text}" is not a whole number\n\n${USAGE}`);
  process.exit(2);
};
const wanted = values.only?.split(',').map((part) => part.trim().toLowerCase());
const faults = FAULTS.filter(({ name }) => wanted?.some((part) => name.toLowerCase().includes(part)) ?? true);
if (faults.length === 0) {
  console.error(`No fault is called ${values.only}\n\n${USAGE}`);
  process.exit(2);
}

const began = Date.now();
const leaving = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => leaving.abort());
const log = (line: string) => console.error(`${`${Math.round((Date.now() - began) / 1000)}`.padStart(4)} s  ${line}`);
const load = () => loadavg()[0]!.toFixed(1);
const seed = number(values.seed, 0);
const before = load();

log(`seed ${seed}; the cluster starts`);
const result = await runFaults({
  generations: number(values.generations, size.generations),
  rounds: number(values.rounds, size.rounds),
  people: number(values.people, size.people),
  seed,
  faults,
  signal: leaving.signal,
  log,
});
const seconds = Math.round((Date.now() - began) / 1000);
const head = `${new Date(began).toISOString().slice(0, 10)}, \`npm run faults -- ${process.argv.slice(2).join(' ')}\`, seed ${seed}, ${seconds} s, load ${before} before and ${load()} after`;
const table = `${head}\n\n${faultTable(result)}`;
console.log(`\n${table}`);
for (const [what, lines] of Object.entries(result.verdict ?? {})) {
  for (const line of lines.slice(0, SHOWN)) console.log(`${what}: ${line}`);
  if (lines.length > SHOWN) console.log(`${what}: and ${lines.length - SHOWN} more`);
}
mkdirSync(OUT, { recursive: true });
const file = join(OUT, `faults-${new Date(began).toISOString().replaceAll(':', '-')}`);
writeFileSync(`${file}.md`, `${table}\n`);
writeFileSync(`${file}.json`, `${JSON.stringify({ head, ...result }, null, 2)}\n`);
log(`written to ${file}.md and .json`);
process.exitCode = isKept(result) ? 0 : 1;
