import { parseArgs } from 'node:util';
import { RULES, type Rule } from './rules.ts';
import { simulate } from './simulate.ts';

/**
 * npm run simulate -- --seeds N [--from SEED] [--hog JOBS] [--no-faults] [--without RULE]; one seed replays exactly.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    users: { type: 'string', default: '20' },
    messages: { type: 'string', default: '5' },
    hog: { type: 'string', default: '0' },
    'no-faults': { type: 'boolean', default: false },
    without: { type: 'string' },
  },
});
if (values.without !== undefined && !(values.without in RULES)) {
  throw new Error(`--without takes one of ${Object.keys(RULES).join(', ')}`);
}
const from = Number(values.from);
const totals = { generations: 0, takeovers: 0, restarts: 0, failed: 0, cancelled: 0, stops: 0, moves: 0 };
const faults: Record<string, number> = {};
const waits: number[] = [];
let slowestByteMs = 0;
let writtenAfterStopMs = 0;
let broken = 0;
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  const result = await simulate(seed, {
    faults: !values['no-faults'],
    users: Number(values.users),
    messages: Number(values.messages),
    hog: Number(values.hog),
    ...(values.without !== undefined && { without: values.without as Rule }),
  });
  totals.generations += result.accepted;
  totals.takeovers += result.takeovers;
  totals.restarts += result.restarts;
  totals.failed += result.failed;
  totals.cancelled += result.cancelled;
  totals.stops += result.stops;
  totals.moves += result.moves;
  for (const [fault, count] of Object.entries(result.faults)) faults[fault] = (faults[fault] ?? 0) + count;
  waits.push(result.waitP95Ms);
  slowestByteMs = Math.max(slowestByteMs, result.slowestByteMs);
  writtenAfterStopMs = Math.max(writtenAfterStopMs, result.writtenAfterStopMs);
  if (result.violations.length > 0) {
    broken += 1;
    console.log(
      `seed ${seed}: ${result.violations.length} violations\n  ${result.violations.slice(0, 5).join('\n  ')}`,
    );
  }
}
waits.sort((a, b) => a - b);
const sorted = Object.fromEntries(Object.entries(faults).sort(([a], [b]) => (a < b ? -1 : 1)));
console.log(JSON.stringify({ faults: sorted }, null, 1));
console.log(
  JSON.stringify({
    seeds: Number(values.seeds),
    broken,
    ...totals,
    medianOfWaitP95Ms: waits[waits.length >> 1],
    slowestByteMs,
    writtenAfterStopMs,
  }),
);
process.exitCode = broken > 0 ? 1 : 0;
