import { holdStreams, type StreamSample, type Target } from '../load/hold-streams.ts';
import { startPeers } from '../load/peers/index.ts';
import { direct, ours, oursThroughNginx, startNginxPass } from '../load/targets.ts';
import { median } from '../statistics.ts';
import { streamRow } from './rows.ts';
import {
  atMost,
  type Context,
  type GoalResult,
  held,
  type Outcome,
  roundsOf,
  type Scenario,
  scaled,
} from './scenario.ts';

/** Tokens a second of one stream. */
const PACE = 20;
/** A window that gathers nothing at this pace, and one that gathers three tokens. */
const WINDOWS = [25, 150] as const;
/** What slower gateways can still hold. */
const BESIDE_PEERS = { streams: 200, rampPerSecond: 25 };

const PEER_LIMITS = [
  ['Portkey', 1 / 3],
  ['FastAPI + openai', 1 / 7],
  ['Open WebUI', 1 / 8],
] as const;

type Samples = ReadonlyMap<string, readonly StreamSample[]>;

export const streaming: Scenario = {
  about: 'CPU and delay of a delivered token beside the model server itself and nginx, in turn',
  async run(context) {
    const outcome: Outcome = { sections: [], goals: [] };
    const load = { streams: scaled(context, 1_000, 200), rampPerSecond: 50 };
    await using nginx = await startNginxPass(context.upstream, context.signal);
    for (const window of context.toy ? WINDOWS.slice(1) : WINDOWS) {
      await using system = await context.startSystem({ settings: fixedWindow(window) });
      const targets = [direct(context.upstream), nginx, ours(system), oursThroughNginx(system)];
      const samples = await inTurn(context, targets, load);
      outcome.sections.push({
        title: `Streaming, ${load.streams} streams of ${PACE} tokens/s, window of ${window} ms`,
        rows: [...samples.values()].map((taken) => streamRow(taken)),
        chart: 'CPU µs/token',
      });
      outcome.goals.push(...goals(window, load.streams, samples));
    }
    return outcome;
  },
};

export const peers: Scenario = {
  about: 'The same beside the gateways that --peers names, which hold fewer streams',
  async run(context) {
    const { upstream, signal, log } = context;
    const load = { ...BESIDE_PEERS, streams: scaled(context, BESIDE_PEERS.streams) };
    const title = `Beside others, ${load.streams} streams of ${PACE} tokens/s, window of ${WINDOWS[0]} ms`;
    await using others = await startPeers(context.peers, upstream, signal, log);
    const { targets } = others;
    const absent = others.absent.map((target) => ({ target, streams: 'not run' }));
    if (targets.length === 0) return { sections: [{ title, rows: absent }], goals: [] };
    await using nginx = await startNginxPass(upstream, signal);
    await using system = await context.startSystem({ nginx: false, settings: fixedWindow(WINDOWS[0]) });
    const samples = await inTurn(context, [direct(upstream), nginx, ours(system), ...targets], load);
    const rows = [...[...samples.values()].map((taken) => streamRow(taken)), ...absent];
    return {
      sections: [{ title, rows, chart: 'CPU µs/token' }],
      goals: PEER_LIMITS.flatMap(([peer, limit]) =>
        samples.has(peer) ? [atMost(`CPU per delivered token ÷ ${peer}`, limit, ratio(samples, peer))] : [],
      ),
    };
  },
};

const fixedWindow = (window: number) => ({ FLUSH_WINDOW_MS: `${window}`, FLUSH_WINDOW_MAX_MS: `${window}` });

/** Every target once a round, in alternating order, the same load each. */
async function inTurn(
  context: Context,
  targets: readonly Target[],
  load: { streams: number; rampPerSecond: number },
): Promise<Samples> {
  const taken = new Map<string, StreamSample[]>(targets.map(({ name }) => [name, []]));
  const rounds = roundsOf(context);
  for (let round = 1; round <= rounds; round += 1) {
    for (const target of round % 2 === 1 ? targets : targets.toReversed()) {
      const sample = await holdStreams(target, { ...load, pace: PACE, ...held(context, 8) }, context.upstream.pid);
      taken.get(target.name)!.push(sample);
      context.log(
        `round ${round}, ${target.name}: ${sample.cpuPerToken.toFixed(1)} µs/token, delay p99 ${sample.delay.p99} ms, foreign ${sample.foreignCores.toFixed(2)} cores`,
      );
    }
  }
  return taken;
}

/** Of CPU per token. Within a round: what the machine does besides weighs on both. */
function ratio(samples: Samples, to: string): number {
  const mine = samples.get('ChatterBot')!;
  return median(mine.map((sample, round) => sample.cpuPerToken / samples.get(to)![round]!.cpuPerToken));
}

function goals(window: number, streams: number, samples: Samples): GoalResult[] {
  const mine = samples.get('ChatterBot')!;
  const delay = median(mine.map((sample, round) => sample.delay.p99 - samples.get('direct')![round]!.delay.p99));
  return [
    atMost(
      `CPU per delivered token ÷ nginx proxy_pass, ${streams} streams, window ${window} ms`,
      window === WINDOWS[0] ? 2 : 1.5,
      ratio(samples, 'nginx proxy_pass'),
    ),
    atMost(`inter-token delay added p99, window ${window} ms`, window + 10, delay, ' ms'),
    atMost(
      `bytes lost, doubled or torn, window ${window} ms`,
      0,
      mine.reduce((sum, each) => sum + each.lostBytes + each.torn, 0),
    ),
  ];
}
