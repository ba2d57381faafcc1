import { setTimeout as sleep } from 'node:timers/promises';
import { residentKb } from '../load/cpu-window.ts';
import { type ReaderCounts, Readers } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { atLeast, atMost, type Row, round, type Scenario, scaled } from './scenario.ts';

/** Streams at the APIs while something happens to them; everything that was asked must be there in the end. */
export const reconnectStorm: Scenario = {
  about: '5,000 readers cut at once; each resumes at another API',
  async run(context) {
    const streams = scaled(context, 5_000, 2_000);
    await using system = await context.startSystem({ nginx: false });
    await using readers = people(system, streams, 200, context.toy ? 3 : 20, 3);
    await live(readers, streams);
    readers.cut();
    const resumed: ReaderCounts[] = [];
    while (resumed.reduce((sum, { resume }) => sum + resume.count, 0) < streams) {
      if (resumed.length > 120) break;
      await sleep(250);
      resumed.push(await readers.mark());
    }
    const slowest = Math.max(...resumed.map(({ resume }) => resume.max));
    const end = await readers.ended();
    const all = [...resumed, end];
    context.log(`all live again after ${slowest.toFixed(0)} ms`);
    return {
      sections: [
        { title: `Reconnect storm of ${streams}`, rows: [{ 'all live again ms': round(slowest), ...kept(all) }] },
      ],
      goals: [
        atMost(`reconnect storm of ${streams}: all live again`, 3_000, slowest, ' ms'),
        atMost('reconnect storm: bytes lost, doubled or torn', 0, broken(all)),
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
    const seconds = context.toy ? 8 : 60;
    await using readers = people(system, streams, 50, seconds, 10);
    await live(readers, streams);
    for (const part of system.cluster.parts.filter(({ spec }) => spec.kind === 'api' || spec.kind === 'worker')) {
      await part.stop();
      await part.start(context.signal);
      context.log(`${part.name} replaced`);
    }
    const counts = [await readers.ended()];
    return {
      sections: [
        {
          title: `Rollout under ${streams} streams`,
          rows: [{ ...kept(counts), 'pause p99 ms': round(counts[0]!.resume.p99) }],
        },
      ],
      goals: [
        atLeast('rollout: answers finished', streams, counts[0]!.finished),
        atMost('rollout: bytes lost, doubled or torn', 0, broken(counts)),
        atMost('rollout: errors seen by a reader', 0, counts[0]!.errors + counts[0]!.failed),
      ],
    };
  },
};

export const slowReaders: Scenario = {
  about: 'One reader in a hundred at a byte a second: what it changes for the others, and for memory',
  async run(context) {
    const streams = scaled(context, 1_000, 500);
    const rows: Row[] = [];
    const delays: number[] = [];
    for (const slow of [0, Math.ceil(streams / 100)]) {
      await using system = await context.startSystem({ nginx: false });
      await using readers = people(system, streams, 100, context.toy ? 3 : 30, 10, slow);
      await live(readers, streams - slow);
      const before = memory(system);
      await sleep(context.toy ? 500 : 15_000);
      const counts = await readers.mark();
      delays.push(counts.delay.p99);
      rows.push({
        'slow readers': slow,
        'delay of the others p50 ms': round(counts.delay.p50),
        'delay of the others p99 ms': round(counts.delay.p99),
        'API memory, growth KB': memory(system) - before,
        ...kept([counts]),
      });
      context.log(`${slow} slow: p99 ${counts.delay.p99} ms`);
      await readers.quit();
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
        seed: seed(),
      });
      const counts = await readers.ended();
      context.log(`${count} people: ${counts.finished} of ${counts.ack.count}`);
      rows.push({
        people: count,
        accepted: counts.ack.count,
        ...kept([counts]),
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
    seed: seed(),
  });
}

async function live(readers: Readers, streams: number): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await readers.mark()).live >= streams) return;
    await sleep(100);
  }
}

function kept(all: readonly ReaderCounts[]): Row {
  const sum = (name: 'finished' | 'reconnects' | 'failed' | 'errors') =>
    all.reduce((total, each) => total + each[name], 0);
  return {
    finished: sum('finished'),
    reconnects: sum('reconnects'),
    'lost or torn': broken(all),
    errors: sum('errors') + sum('failed'),
  };
}

const broken = (all: readonly ReaderCounts[]) => all.reduce((sum, { lost, torn }) => sum + lost + torn, 0);
const memory = (system: System) => system.pidsOf('api').reduce((sum, pid) => sum + residentKb(pid), 0);
const seed = () => (Date.now() % 4000) + 1;
