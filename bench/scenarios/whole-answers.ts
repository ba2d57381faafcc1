import { cpuBetween, takeCpu } from '../load/cpu-window.ts';
import { type Quantiles, type ReaderCounts, type ReaderOptions, Readers } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { atLeast, atMost, type Context, type Outcome, type Row, round, type Scenario, scaled } from './scenario.ts';

const ANSWER = { tokens: 40, pace: 0, sigma: 0.6, users: 2_000, sources: 8 } as const;
const BURST = 20_000;
const ACCEPT_GOAL = 1_500;

export const sync: Scenario = {
  about: 'POST /chat: whole answers, open loop',
  async run(context) {
    await using system = await context.startSystem({});
    const rows: Row[] = [];
    for (const rate of [20, 100]) {
      const sessions = scaled(context, rate * 20, rate * 5);
      const counts = await serve(system, { mode: 'sync', rate, sessions });
      context.log(`${rate}/s: ${counts.finished} of ${counts.asked}, p99 ${counts.ttft.p99} ms`);
      rows.push({ 'asked /s': rate, ...answersRow(counts) });
    }
    return { sections: [{ title: 'Whole answers, POST /chat', rows }], goals: [] };
  },
};

export const async: Scenario = {
  about: 'A burst of 20,000 accepted as fast as they come, workers paused; then drained to the last answer',
  async run(context) {
    const outcome: Outcome = { sections: [], goals: [] };
    await using system = await context.startSystem({ nginx: false });
    outcome.sections.push(await acceptHalf(context, system, outcome));
    outcome.sections.push(await burst(context, system, outcome));
    return outcome;
  },
};

/** Open loop at half of the goal, how long an acknowledgement takes: of people mostly new, and then of the same. */
async function acceptHalf(context: Context, system: System, outcome: Outcome) {
  const rate = ACCEPT_GOAL / 2;
  const sessions = scaled(context, rate * 10, rate * 4);
  const resume = pause(system);
  const rows: Row[] = [];
  for (const people of ['new', 'known'] as const) {
    const { whole, worst } = await accept(system, { rate, sessions, most: 256 });
    context.log(`${rate}/s, people ${people}: acknowledged p99 ${whole.p99} ms`);
    outcome.goals.push(atMost(`accept at ${rate}/s p99, people ${people}`, 20, whole.p99, ' ms'));
    rows.push({
      people,
      accepted: whole.count,
      'p50 ms': round(whole.p50),
      'p90 ms': round(whole.p90),
      'p99 ms': round(whole.p99),
      'p99 of the worst half second, ms': round(worst),
    });
  }
  resume();
  return { title: `Accepts at ${rate}/s, workers paused`, rows };
}

async function burst(context: Context, system: System, outcome: Outcome) {
  const sessions = scaled(context, BURST, 5_000);
  const resume = pause(system);
  await using readers = new Readers({
    ...ANSWER,
    mode: 'async',
    hosts: system.apis,
    key: system.key,
    rate: 1e6,
    sessions,
    most: 64,
    poll: 1e6,
  });
  const before = takeCpu(system.processes());
  const began = performance.now();
  const accepted = await allAccepted(readers, sessions, 20);
  const use = cpuBetween(before, takeCpu(system.processes()));
  const rate = accepted / ((performance.now() - began) / 1000);
  resume();
  context.log(`${accepted} accepted, ${Math.round(rate)}/s; drains`);
  const drained = await drain(system, sessions);
  outcome.goals.push(
    atLeast('accepts, durable and confirmed, workers paused', ACCEPT_GOAL, rate, '/s'),
    atLeast('answers of the burst that finished', sessions, drained.done),
  );
  return {
    title: `A burst of ${sessions}`,
    rows: [
      {
        'accepted /s': round(rate),
        ...Object.fromEntries(
          Object.entries(use.microseconds).map(([group, us]) => [`${group} µs`, round(us / accepted)]),
        ),
        'foreign cores': round(use.foreignCores),
        'answered within s': round(drained.seconds),
        answered: drained.done,
      },
    ],
  };
}

/** Counted in the databases: what is done, of all that was accepted there by the last burst. */
async function drain(system: System, wanted: number): Promise<{ done: number; seconds: number }> {
  const { default: pg } = await import('pg');
  const began = performance.now();
  const addresses = system.cluster.parts
    .filter(({ spec }) => spec.kind === 'postgres')
    .map(({ spec }) => spec.address!);
  for (;;) {
    let done = 0;
    let open = 0;
    for (const connectionString of addresses) {
      const client = new pg.Client({ connectionString });
      await client.connect();
      const { rows } = await client.query<{ state: string; count: string }>(
        'SELECT state::text, count(*) FROM generations GROUP BY 1',
      );
      await client.end();
      for (const { state, count } of rows) {
        if (state === 'done') done += Number(count);
        else if (state === 'queued' || state === 'running') open += Number(count);
      }
    }
    const seconds = (performance.now() - began) / 1000;
    if (open === 0 || seconds > 600) return { done: Math.min(done, wanted), seconds };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** SIGSTOP: they hold their locks and take nothing. */
function pause(system: System): () => void {
  const pids = system.pidsOf('worker');
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };
}

async function accept(
  system: System,
  more: Pick<ReaderOptions, 'rate' | 'sessions' | 'most'>,
): Promise<{ whole: Quantiles; worst: number }> {
  const { key, apis: hosts } = system;
  await using readers = new Readers({ ...ANSWER, mode: 'async', hosts, key, poll: 1e6, ...more });
  await allAccepted(readers, more.sessions, 500);
  const all = readers.taken;
  const full = all.filter(({ ack }) => ack.count > more.rate / 4);
  const worst = Math.max(...(full.length > 0 ? full : all).map(({ ack }) => ack.p99));
  return { whole: all.at(-1)!.ackWhole, worst };
}

/** How many were; all, but for those given up. */
async function allAccepted(readers: Readers, sessions: number, lookMs: number): Promise<number> {
  let accepted = 0;
  for (let givenUp = 0; accepted + givenUp < sessions; ) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const { ack, failed } = await readers.mark();
    accepted += ack.count;
    givenUp += failed;
  }
  return accepted;
}

async function serve(system: System, more: Pick<ReaderOptions, 'mode' | 'rate' | 'sessions'>): Promise<ReaderCounts> {
  const { key, apis: hosts } = system;
  await using readers = new Readers({ ...ANSWER, hosts, key, most: 2_000, ...more });
  return await readers.ended();
}

function answersRow({ asked, finished, ttft, lost, torn, failed }: ReaderCounts): Row {
  return {
    asked,
    finished,
    'answer p50 ms': round(ttft.p50),
    'answer p99 ms': round(ttft.p99),
    'lost or torn': lost + torn,
    failed,
  };
}
