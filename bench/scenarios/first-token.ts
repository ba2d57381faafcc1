import { type ReaderCounts, type ReaderOptions, Readers } from '../load/generators.ts';
import { direct, ours } from '../load/targets.ts';
import { median } from '../statistics.ts';
import { atMost, type Context, type Row, round, roundsOf, type Scenario, scaled } from './scenario.ts';

const LOADS = [
  { name: 'idle', rate: 5, sessions: 100, limitMs: 6 },
  { name: '500 accepts/s', rate: 500, sessions: 5000, limitMs: 15 },
] as const;

export const firstToken: Scenario = {
  about: 'Time to the first token through the whole queue path, from when the question was due, less direct',
  async run(context) {
    await using system = await context.startSystem({ nginx: false });
    const rows: Row[] = [];
    const goals = [];
    for (const load of LOADS) {
      const added: number[] = [];
      for (let turn = 0; turn < roundsOf(context); turn += 1) {
        const plain = await ask(context, load, direct(context.upstream));
        const mine = await ask(context, load, ours(system));
        added.push(mine.ttft.p99 - plain.ttft.p99);
        for (const [target, counts] of [
          ['direct', plain],
          ['ChatterBot', mine],
        ] as const) {
          rows.push(rowOf(load.name, target, counts));
        }
        context.log(`${load.name}: TTFT p99 ${mine.ttft.p99} ms, direct ${plain.ttft.p99} ms`);
      }
      goals.push(atMost(`TTFT added by the queue path p99, ${load.name}`, load.limitMs, median(added), ' ms'));
    }
    return { sections: [{ title: 'Time to the first token', rows }], goals };
  },
};

async function ask(
  context: Context,
  load: (typeof LOADS)[number],
  target: Pick<ReaderOptions, 'mode' | 'hosts' | 'key'>,
): Promise<ReaderCounts> {
  const { mode, hosts, key } = target;
  await using readers = new Readers({
    mode,
    hosts,
    ...(key && { key }),
    sessions: scaled(context, load.sessions, Math.ceil(load.sessions / 2)),
    rate: load.rate,
    tokens: 10,
    pace: 20,
    users: 1000,
    sources: 8,
  });
  return await readers.ended();
}

function rowOf(load: string, target: string, { ttft, ack, asked, finished }: ReaderCounts): Row {
  return {
    load,
    target,
    asked,
    finished,
    'TTFT p50 ms': round(ttft.p50),
    'TTFT p90 ms': round(ttft.p90),
    'TTFT p99 ms': round(ttft.p99),
    'TTFT p99.9 ms': round(ttft.p999),
    'accepted p50 ms': round(ack.p50),
    'accepted p99 ms': round(ack.p99),
  };
}
