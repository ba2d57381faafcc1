import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { residentKb } from '../load/cpu-window.ts';
import { Readers } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { type Context, type Row, round, type Scenario, scaled } from './scenario.ts';

/** Half of what it holds, for as long as is asked: what grows, and what stays. */
export const long: Scenario = {
  about: 'Half load for --seconds (600): memory, handles, sizes of Redis and PostgreSQL, delay of the event loops',
  async run(context) {
    const seconds = context.seconds ?? (context.toy ? 1 : context.quick ? 30 : 600);
    const every = Math.max(1, seconds / 20);
    await using system = await context.startSystem({ nginx: false });
    const rate = scaled(context, 50, 20);
    await using readers = new Readers({
      mode: 'stream',
      hosts: system.apis,
      key: system.key,
      sessions: Math.min(60_000, Math.ceil(rate * seconds)),
      rate,
      tokens: 60,
      sigma: 0.7,
      pace: 20,
      users: 1_000,
      sources: 8,
    });
    const rows: Row[] = [];
    for (let at = 0; at < seconds; at += every) {
      await sleep(every * 1000);
      const counts = await readers.mark();
      rows.push({
        second: Math.round(at + every),
        live: counts.live,
        finished: counts.finished,
        'lost or torn': counts.lost + counts.torn,
        'delay p99 ms': round(counts.delay.p99),
        ...(await sizes(system, context)),
      });
      context.log(`${Math.round(at + every)} of ${seconds} s, ${counts.live} live`);
    }
    await readers.quit();
    return { sections: [{ title: `Half load for ${seconds} s`, rows }], goals: [] };
  },
};

async function sizes(system: System, context: Context): Promise<Row> {
  const of = (kind: 'api' | 'worker', value: (pid: number) => number) =>
    system.pidsOf(kind).reduce((sum, pid) => sum + value(pid), 0);
  return {
    'api MB': Math.round(of('api', residentKb) / 1024),
    'worker MB': Math.round(of('worker', residentKb) / 1024),
    handles: of('api', handles) + of('worker', handles),
    'Redis state MB': round((await redisBytes(system)) / 2 ** 20),
    'PostgreSQL MB': round((await databaseBytes(system)) / 2 ** 20),
    'event loop p99 ms': round(await loopDelay(system, context)),
  };
}

const handles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

async function redisBytes(system: System): Promise<number> {
  const { createClient } = await import('@redis/client');
  const client = createClient({ url: system.cluster.part('redis-state').spec.address! });
  await client.connect();
  const info = await client.info('memory');
  client.destroy();
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}

async function databaseBytes(system: System): Promise<number> {
  let sum = 0;
  for (const { spec } of system.cluster.parts.filter(({ spec }) => spec.kind === 'postgres')) {
    const client = new pg.Client({ connectionString: spec.address! });
    await client.connect();
    const { rows } = await client.query<{ size: string }>('SELECT pg_database_size(current_database()) AS size');
    sum += Number(rows[0]!.size);
    await client.end();
  }
  return sum;
}

/** The worst of the APIs' own figures since they were last asked. */
async function loopDelay(system: System, { signal }: Context): Promise<number> {
  const each = system.apis.map(async (api) => {
    const reply = await fetch(`${api}/metrics`, { headers: { 'x-api-key': system.key }, signal });
    return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(await reply.text())?.[1]) * 1000;
  });
  return Math.max(...(await Promise.all(each)));
}
