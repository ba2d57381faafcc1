import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PACKAGED_MODEL } from '../src/adapters/llama/packaged-model.ts';
import { tinyModelPath } from '../test/support/tiny-model.ts';
import { compare } from './compare.ts';
import { embeddedPathBench } from './embedded-path.ts';
import { engineBench } from './engine.ts';
import { buildGenerators, LoadUpstream } from './load/generators.ts';
import { PEER_NAMES } from './load/peers/index.ts';
import { type System, startSystem, warm } from './load/system.ts';
import { machineFacts } from './machine.ts';
import { goalRow, type Report, table, writeReport } from './report.ts';
import { GOAL_SCENARIOS, SCENARIOS } from './scenarios/index.ts';
import { type Context, type Outcome, type Row, round } from './scenarios/scenario.ts';
import { timesBench } from './times.ts';

const USAGE = `npm run bench [-- NAME …] [OPTION …]
       npm run bench -- goals [--quick]
       npm run bench -- compare BEFORE AFTER     (paths of reports in bench/out)

One machine:    engine, path, times (all three without a name)
Many machines, on one: ${Object.entries(SCENARIOS)
  .map(([name, { about }]) => `\n  ${name.padEnd(16)}${about}`)
  .join('')}

  --quick       fewer rounds, shorter
  --rounds N    of what is measured in turns, 3 where it is not said
  --seconds N   of what is held or goes on for a while
  --apis N, --workers N   of each, 2 where it is not said
  --peers LIST  install and run these beside: ${PEER_NAMES.join(', ')}; or all
  --model PATH  for engine and times
  --toy         a fiftieth of everything: whether the bench runs, not what it measures
`;
const MODELS = fileURLToPath(new URL('../.cache/models/', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    toy: { type: 'boolean', default: false },
    peers: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    apis: { type: 'string', default: '2' },
    workers: { type: 'string', default: '2' },
    model: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const began = performance.now();
const log = (line: string) =>
  console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`);

const EMBEDDED: Readonly<Record<string, () => Promise<Row[]>>> = {
  path: async () =>
    rowsOf(
      await embeddedPathBench({
        ...(values.quick ? { rounds: 1, seconds: 1.5 } : { rounds: 3, seconds: 3 }),
        until: began + 60_000,
        log,
      }),
    ),
  times: async () =>
    rowsOf(await timesBench({ modelPath: realModel(), rounds: values.quick ? 1 : 3, until: began + 90_000, log })),
  engine: async () => {
    const modelPath = realModel() ?? (await tinyModelPath());
    return rowsOf(
      await engineBench({ modelPath, rounds: values.quick || performance.now() > began + 110_000 ? 1 : 3, log }),
    );
  },
};

function realModel(): string | null {
  const packaged = join(MODELS, PACKAGED_MODEL.file);
  return values.model ?? (existsSync(packaged) ? packaged : null);
}

function rowsOf(rows: readonly object[]): Row[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? round(value) : (value ?? '')]),
    ),
  );
}

async function runNamed(name: string, context: () => Promise<Context>): Promise<Outcome> {
  const embedded = EMBEDDED[name];
  if (embedded) return { sections: [{ title: name, rows: await embedded() }], goals: [] };
  log(`— ${name}: ${SCENARIOS[name]!.about}`);
  return await SCENARIOS[name]!.run(await context());
}

async function main(): Promise<number> {
  const [first, ...rest] = positionals;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (first === 'compare') {
    if (rest.length !== 2) throw new Error(USAGE);
    console.log(compare(rest[0]!, rest[1]!));
    return 0;
  }
  const names =
    first === 'goals' ? [...GOAL_SCENARIOS, ...rest] : first === undefined ? Object.keys(EMBEDDED) : positionals;
  const unknown = names.filter((name) => !(name in EMBEDDED) && !(name in SCENARIOS));
  if (unknown.length > 0) {
    console.error(`There is no ${unknown.join(', ')}.\n\n${USAGE}`);
    return 2;
  }
  return await runAll(names);
}

async function runAll(names: readonly string[]): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const leaving = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => leaving.abort(new Error('Told to leave.')));
  let context: Context | null = null;
  const prepared = async () => {
    if (context === null) {
      await buildGenerators();
      const upstream = stack.use(await LoadUpstream.start());
      const { quick, toy } = values;
      const peers = values.peers === 'all' ? PEER_NAMES : (values.peers?.split(',') ?? []);
      const numberOr = (text: string | undefined) => (text === undefined ? null : wholeNumber(text));
      const [rounds, seconds] = [numberOr(values.rounds), numberOr(values.seconds)];
      const { signal } = leaving;
      const size = { apis: wholeNumber(values.apis), workers: wholeNumber(values.workers) };
      const start: Context['startSystem'] = (options) => startSystem(upstream.url, { ...size, ...options }, signal);
      const startWarm: Context['startSystem'] = async (options) => {
        const system = await start(options);
        await warm(system);
        return system;
      };
      const chosen = toy ? shared(start, stack) : startWarm;
      context = { quick, toy, peers, rounds, seconds, upstream, startSystem: chosen, signal, log };
    }
    return context;
  };
  const report: Report = {
    at: new Date().toISOString(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    facts: machineFacts(),
    sections: [],
    goals: [],
    isWhole: false,
  };
  console.table(report.facts);
  try {
    for (const name of names) {
      const outcome = await untilLeft(runNamed(name, prepared), leaving.signal);
      report.sections.push(...outcome.sections);
      report.goals.push(...outcome.goals);
      for (const { title, note, rows } of outcome.sections) console.log(`\n${title}\n${note ?? ''}\n${table(rows)}`);
    }
    report.isWhole = true;
  } finally {
    log(`written to ${writeReport(report)}.md, .html, .json`);
  }
  if (report.goals.length > 0) console.log(`\nGoals\n${table(report.goals.map(goalRow))}`);
  return report.goals.every(({ isMet }) => isMet) ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  console.error(`${text} is not a whole number above 0.\n\n${USAGE}`);
  process.exit(2);
}

/** One for all who ask, which outlives them. */
function shared(start: Context['startSystem'], stack: AsyncDisposableStack): Context['startSystem'] {
  let only: Promise<System> | null = null;
  return async () => {
    only ??= start({}).then((system) => stack.use(system));
    return { ...(await only), [Symbol.asyncDispose]: async () => {} };
  };
}

/** Told to leave, what runs is left where it is: its servers end with this process. */
async function untilLeft<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
  return await Promise.race([work, left]);
}

process.exitCode = await main();
// Servers of a scenario that was left end with the pipe to this process.
if (process.exitCode !== 0) process.exit();
