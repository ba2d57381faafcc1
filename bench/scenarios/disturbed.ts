import { setTimeout as sleep } from 'node:timers/promises';
import { residentKb } from '../load/cpu-window.ts';
import { Readers } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { codeList } from './rows.ts';
import { atLeast, atMost, type Context, type Row, round, type Scenario, scaled } from './scenario.ts';

/** Streams at the APIs while something happens to them; everything that was asked must be there in the end. */
export const reconnectStorm: Scenario = {
  about: '5,000 readers cut at once; each resumes at another API',
  async run(context) {
    const streams = scaled(context, 5_000, 2_000);
    await using system = await context.startSystem({ nginx: false });
    await using readers = people(system, streams, 200, context.toy ? 2 : 20, context.toy ? 10 : 3);
    const cut = await live(context, readers, streams);
    readers.cut();
    let resumed = 0;
    let slowest = 0;
    for (let looks = 0; resumed < cut && looks < 120; looks += 1) {
      await sleep(250);
      const { resume } = await readers.mark();
      resumed += resume.count;
      slowest = Math.max(slowest, resume.max);
    }
    await readers.ended();
    context.log(`${resumed} of ${cut} live again after ${slowest.toFixed(0)} ms`);
    return {
      sections: [
        { title: `Reconnect storm of ${cut}`, rows: [{ 'all live again ms': round(slowest), ...kept(readers) }] },
      ],
      goals: [
        atMost(`reconnect storm of ${cut}: all live again`, 3_000, resumed < cut ? Number.NaN : slowest, ' ms'),
        atMost('reconnect storm: bytes lost, doubled or torn', 0, broken(readers)),
      ],
    };
  },
};

export const rollout: Scenario = {
  about: 'Every API and every worker told to leave and started again under load, one after the other',
  async run(context) {
    const streams = scaled(context, 500, 200);
    const settings = { SHUTDOWN_DEADLINE: '8' };
    await using system = await context.startSystem({ settings });
    await using readers = people(system, streams, 50, context.toy ? 4 : 60, 10);
    await live(context, readers, streams);
    for (const part of replaced(context, system)) {
      await part.stop();
      await part.start(context.signal);
      context.log(`${part.name} replaced`);
    }
    const { resume } = await readers.ended();
    return {
      sections: [
        {
          title: `Rollout under ${streams} streams`,
          rows: [{ ...kept(readers), 'pause p99 ms': round(resume.p99) }],
        },
      ],
      goals: [
        atLeast('rollout: answers finished', streams, total(readers, 'finished')),
        atMost('rollout: bytes lost, doubled or torn', 0, broken(readers)),
        atMost('rollout: errors seen by a reader', 0, total(readers, 'errors') + total(readers, 'failed')),
      ],
    };
  },
};

/** In a toy run one of each kind. */
function replaced({ toy }: Context, { cluster }: System) {
  const of = (kind: 'api' | 'worker') => cluster.parts.filter(({ spec }) => spec.kind === kind);
  return (['api', 'worker'] as const).flatMap((kind) => of(kind).slice(0, toy ? 1 : undefined));
}

export const slowReaders: Scenario = {
  about: 'One reader in a hundred at a byte a second: what it changes for the others, and for memory',
  async run(context) {
    const streams = scaled(context, 1_000, 500);
    const rows: Row[] = [];
    const delays: number[] = [];
    for (const slow of [0, Math.ceil(streams / 100)]) {
      await using system = await context.startSystem({ nginx: false });
      await using readers = people(system, streams, 100, context.toy ? 2 : 30, 10, slow);
      await live(context, readers, streams - slow);
      const before = memory(system);
      await sleep(context.toy ? 500 : 15_000);
      const counts = await readers.mark();
      delays.push(counts.delay.p99);
      rows.push({
        'slow readers': slow,
        'delay of the others p50 ms': round(counts.delay.p50),
        'delay of the others p99 ms': round(counts.delay.p99),
        'API memory, growth KB': memory(system) - before,
        ...kept(readers),
      });
      context.log(`${slow} slow: p99 ${counts.delay.p99} ms`);
    }
    return { sections: [{ title: 'Slow readers', rows }], goals: [] };
  },
};

/** The seed's: everybody under one name, each asks and reads to the end. The seed itself: 44 of 2,063 in a minute. */
export const seedLoad: Scenario = {
  about: "The seed's scenario: 100 and 500 people under one user_id; answers finished of those accepted",
  async run(context) {
    const rows: Row[] = [];
    const goals = [];
    for (const count of context.toy ? [100] : [100, 500]) {
      await using system = await context.startSystem({});
      const turns = context.toy || context.quick ? 1 : 4;
      await using readers = new Readers({
        mode: 'stream',
        hosts: [system.address],
        key: system.key,
        sessions: scaled(context, count),
        rate: 25,
        turns,
        think: 2,
        tokens: 40,
        pace: 20,
        users: 1,
        sources: 8,
      });
      const counts = await readers.ended();
      context.log(`${count} people: ${counts.finished} of ${counts.ack.count}`);
      rows.push({
        people: count,
        accepted: counts.ack.count,
        ...kept(readers),
        'TTFT p50 ms': round(counts.ttft.p50),
      });
      goals.push(
        atLeast(`answers finished of ${counts.ack.count} accepted, ${count} people`, counts.ack.count, counts.finished),
      );
    }
    return { sections: [{ title: "The seed's scenario", rows }], goals };
  },
};

function people(system: System, streams: number, ramp: number, seconds: number, pace: number, slow = 0): Readers {
  return new Readers({
    mode: 'stream',
    hosts: system.apis,
    key: system.key,
    sessions: streams,
    rate: ramp,
    pace,
    tokens: Math.ceil((streams / ramp + seconds) * pace),
    users: Math.max(20, Math.ceil(streams / 4)),
    sources: 8,
    slow,
  });
}

/** Until all are, or none may come any more; returns how many. */
async function live({ log }: Context, readers: Readers, streams: number): Promise<number> {
  let most = 0;
  for (let looks = 0; most < streams && looks < 600 && !readers.areOver; looks += 1) {
    if (looks > 0) await sleep(100);
    most = Math.max(most, (await readers.mark()).live);
  }
  if (most < streams) log(`only ${most} of ${streams} were ever live: ${codeList(codesOf(readers))}`);
  return most;
}

function kept(readers: Readers): Row {
  return {
    finished: total(readers, 'finished'),
    reconnects: total(readers, 'reconnects'),
    'lost or torn': broken(readers),
    errors: total(readers, 'errors') + total(readers, 'failed'),
    codes: codeList(codesOf(readers)),
  };
}

const total = ({ taken }: Readers, name: 'finished' | 'reconnects' | 'failed' | 'errors' | 'lost' | 'torn') =>
  taken.reduce((sum, counts) => sum + counts[name], 0);
const broken = (readers: Readers) => total(readers, 'lost') + total(readers, 'torn');
const codesOf = ({ taken }: Readers) => taken.map(({ codes }) => codes);
const memory = (system: System) => system.pidsOf('api').reduce((sum, pid) => sum + residentKb(pid), 0);
