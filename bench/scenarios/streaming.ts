import { holdStreams, type StreamSample, type Target } from '../load/hold-streams.ts';
import { startPeers } from '../load/peers/index.ts';
import { direct, ours, oursThroughNginx, startNginxPass } from '../load/targets.ts';
import { median } from '../statistics.ts';
import { streamRow } from './rows.ts';
import { atMost, type Context, type GoalResult, held, type Outcome, type Scenario, scaled } from './scenario.ts';

/** Tokens a second of one stream. */
const PACE = 20;
/** A window that gathers nothing at this pace, and one that gathers three tokens. */
const WINDOWS = [25, 150] as const;

export const streaming: Scenario = {
  about: 'CPU and delay of a delivered token beside the model server itself, nginx and peers, in turn',
  async run(context) {
    const outcome: Outcome = { sections: [], goals: [] };
    await using nginx = await startNginxPass(context.upstream, context.signal);
    for (const window of context.toy ? WINDOWS.slice(1) : WINDOWS) {
      await using system = await context.startSystem({
        settings: { FLUSH_WINDOW_MS: `${window}`, FLUSH_WINDOW_MAX_MS: `${window}` },
      });
      await using peers = await startPeers(
        window === WINDOWS[0] ? context.peers : [],
        context.upstream,
        context.signal,
        context.log,
      );
      const targets = [direct(context.upstream), nginx, ours(system), oursThroughNginx(system), ...peers.targets];
      const samples = await inTurn(context, targets);
      outcome.sections.push({
        title: `Streaming, ${PACE} tokens/s a stream, window of ${window} ms`,
        rows: [...samples.values()].map((taken) => streamRow(taken)),
        chart: 'CPU µs/token',
        ...(window === WINDOWS[0] && { note: peers.note }),
      });
      outcome.goals.push(...goals(window, samples));
    }
    return outcome;
  },
};

/** Every target once a round, in alternating order, the same load each. */
async function inTurn(context: Context, targets: readonly Target[]): Promise<Map<string, StreamSample[]>> {
  const taken = new Map<string, StreamSample[]>(targets.map(({ name }) => [name, []]));
  const rounds = context.quick || context.toy ? 1 : 3;
  for (let round = 1; round <= rounds; round += 1) {
    for (const target of round % 2 === 1 ? targets : targets.toReversed()) {
      const load = {
        streams: scaled(context, 200),
        pace: PACE,
        ...held(context, 8),
        rampPerSecond: context.peers.length > 0 ? 25 : 100,
      };
      const sample = await holdStreams(target, load, context.upstream.pid);
      taken.get(target.name)!.push(sample);
      context.log(
        `round ${round}, ${target.name}: ${sample.cpuPerToken.toFixed(1)} µs/token, delay p99 ${sample.delay.p99} ms, foreign ${sample.foreignCores.toFixed(2)} cores`,
      );
    }
  }
  return taken;
}

function goals(window: number, samples: ReadonlyMap<string, readonly StreamSample[]>): GoalResult[] {
  const mine = samples.get('ChatterBot')!;
  /** Within a round: what the machine does besides weighs on both. */
  const ratio = (to: string) =>
    median(mine.map((sample, round) => sample.cpuPerToken / samples.get(to)![round]!.cpuPerToken));
  const beside = (peer: string, limit: number) =>
    samples.has(peer) ? [atMost(`CPU per delivered token ÷ ${peer}`, limit, ratio(peer))] : [];
  const delay = median(mine.map((sample, round) => sample.delay.p99 - samples.get('direct')![round]!.delay.p99));
  return [
    atMost(
      `CPU per delivered token ÷ nginx proxy_pass, window ${window} ms`,
      window === WINDOWS[0] ? 2 : 1.5,
      ratio('nginx proxy_pass'),
    ),
    atMost(`inter-token delay added p99, window ${window} ms`, window + 10, delay, ' ms'),
    atMost(
      `bytes lost, doubled or torn, window ${window} ms`,
      0,
      mine.reduce((sum, each) => sum + each.lostBytes + each.torn, 0),
    ),
    ...beside('Portkey', 1 / 3),
    ...beside('FastAPI + openai', 1 / 7),
    ...beside('Open WebUI', 1 / 8),
  ];
}
