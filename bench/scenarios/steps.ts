import { createClient } from '@redis/client';
import pg from 'pg';
import { cpuBetween, takeCpu } from '../load/cpu-window.ts';
import { Readers } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { type Context, type Row, round, roundsOf, type Scenario, scaled } from './scenario.ts';

/** Answers of ten tokens, so many a second: more than two cores can make, so that nothing rests. */
const [ANSWERS, RATE, TOKENS] = [2_000, 200, 10];

type Counts = { transactions: number; walBytes: number; commands: number };

export const steps: Scenario = {
  about: 'What a short answer costs from end to end: CPU of each part, transactions, WAL, commands of Redis',
  async run(context) {
    await using system = await context.startSystem({ nginx: false });
    const rows: Row[] = [];
    for (let round = 0; round < roundsOf(context); round += 1) {
      rows.push(await measure(context, system));
      context.log(`${rows.at(-1)!['CPU µs']} µs an answer`);
    }
    return {
      sections: [{ title: `An answer of ${TOKENS} tokens, streamed, ${RATE} asked for a second`, rows }],
      goals: [],
    };
  },
};

async function measure(context: Context, system: System): Promise<Row> {
  const before = takeCpu(system.processes());
  const counted = await count(system);
  const finished = await answer(context, system);
  const { microseconds, foreignCores } = cpuBetween(before, takeCpu(system.processes()));
  const now = await count(system);
  const each = (value: number) => round(value / finished);
  const all = Object.values(microseconds).reduce((sum, value) => sum + value, 0);
  return {
    answers: finished,
    'CPU µs': each(all),
    ...Object.fromEntries(Object.entries(microseconds).map(([group, value]) => [`${group} µs`, each(value)])),
    transactions: each(now.transactions - counted.transactions),
    'WAL bytes': each(now.walBytes - counted.walBytes),
    'Redis commands, in scripts too': each(now.commands - counted.commands),
    'foreign cores': round(foreignCores),
  };
}

async function answer(context: Context, { apis, key }: System): Promise<number> {
  const sessions = scaled(context, ANSWERS);
  const more = { rate: RATE, tokens: TOKENS, pace: 20, users: 1_000, sources: 8 };
  await using readers = new Readers({ mode: 'stream', hosts: apis, key, sessions, ...more });
  const { finished } = await readers.ended();
  return finished;
}

/** Of all shards and both Redis servers, since they started. */
async function count({ cluster }: System): Promise<Counts> {
  const addressesOf = (kind: string) =>
    cluster.parts.filter(({ spec }) => spec.kind === kind).map(({ spec }) => spec.address!);
  const shards = await Promise.all(addressesOf('postgres').map(countShard));
  const servers = await Promise.all(addressesOf('redis').map(countCommands));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    transactions: sum(shards.map(({ transactions }) => transactions)),
    walBytes: sum(shards.map(({ walBytes }) => walBytes)),
    commands: sum(servers),
  };
}

async function countShard(connectionString: string): Promise<Omit<Counts, 'commands'>> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<Record<'transactions' | 'wal', string>>(
      `SELECT sum(xact_commit) AS transactions, pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS wal FROM pg_stat_database`,
    );
    return { transactions: Number(rows[0]!.transactions), walBytes: Number(rows[0]!.wal) };
  } finally {
    await client.end();
  }
}

async function countCommands(url: string): Promise<number> {
  const client = createClient({ url });
  await client.connect();
  try {
    const stats = await client.info('commandstats');
    return [...stats.matchAll(/:calls=(\d+)/g)].reduce((total, [, calls]) => total + Number(calls), 0);
  } finally {
    client.destroy();
  }
}
