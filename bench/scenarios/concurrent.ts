import { holdStreams, type StreamSample } from '../load/hold-streams.ts';
import { ours, oursThroughNginx } from '../load/targets.ts';
import { memoryRow, streamRow } from './rows.ts';
import { atMost, type Context, held, type Outcome, type Scenario, scaled } from './scenario.ts';

const PACE = 5;
const STREAMS = 10_000;
/**
 * Answers begun a second: each costs as much as hundreds of tokens, and is not what is measured; but the first must
 * not come to its 1,024th token before the last has begun.
 */
const RAMP_PER_SECOND = 80;
/** Slots enough for all of them, whoever of the workers gets more. */
const SETTINGS = { MAX_CONCURRENT: '9000' };

export const concurrent: Scenario = {
  about: '10,000 live streams at 5 tokens/s through the whole path; once more through NGINX',
  async run(context) {
    const streams = scaled(context, STREAMS, 2_000);
    const outcome: Outcome = { sections: [], goals: [] };
    const samples: StreamSample[] = [];
    for (const through of [ours, oursThroughNginx]) {
      await using system = await context.startSystem({ settings: SETTINGS });
      const sample = await hold(context, through(system), streams);
      samples.push(sample);
      outcome.sections.push({ title: `${streams} live streams: ${sample.target}`, rows: [streamRow([sample])] });
    }
    const [mine] = samples as [StreamSample];
    outcome.sections.push({ title: 'Memory', rows: samples.map((sample) => memoryRow([sample])) });
    outcome.goals.push(
      atMost(`${streams} streams × ${PACE} tokens/s: cores of all our processes`, 1.3, mine.cores),
      atMost(`${streams} streams: bytes lost, doubled or torn`, 0, mine.lostBytes + mine.torn),
      atMost(`${streams} streams: errors`, 0, mine.errors),
      atMost('API memory by live stream', 30, mine.memory.api ?? Number.NaN, ' KB'),
      atMost('worker memory by live stream', 60, mine.memory.worker ?? Number.NaN, ' KB'),
    );
    return outcome;
  },
};

export const growth: Scenario = {
  about: 'Cost of a token from 1,000 to 10,000 streams, the window held',
  async run(context) {
    const settings = { ...SETTINGS, FLUSH_WINDOW_MS: '250', FLUSH_WINDOW_MAX_MS: '250' };
    await using system = await context.startSystem({ nginx: false, settings });
    const samples: StreamSample[] = [];
    for (const streams of [1_000, 2_000, 5_000, 10_000]) {
      if (streams > (context.toy ? 1_000 : context.quick ? 2_000 : 10_000)) continue;
      samples.push(await hold(context, ours(system), scaled(context, streams)));
    }
    const costs = samples.map(({ cpuPerToken }) => cpuPerToken);
    return {
      sections: [
        {
          title: `Growth, ${PACE} tokens/s a stream, window of 250 ms`,
          rows: samples.map((sample) => streamRow([sample])),
          chart: 'CPU µs/token',
        },
      ],
      goals: [atMost('rise of CPU per token from the fewest to the most streams', 1.2, costs.at(-1)! / costs[0]!)],
    };
  },
};

async function hold(context: Context, target: ReturnType<typeof ours>, streams: number): Promise<StreamSample> {
  const load = {
    streams,
    pace: PACE,
    ...held(context, 30, 10),
    rampPerSecond: context.toy ? 200 : RAMP_PER_SECOND,
  };
  const sample = await holdStreams(target, load, context.upstream.pid);
  context.log(
    `${target.name}, ${sample.streams} streams: ${sample.cores.toFixed(2)} cores, ${sample.cpuPerToken.toFixed(1)} µs/token, delay p99 ${sample.delay.p99} ms, lost ${sample.lostBytes}, errors ${sample.errors}, foreign ${sample.foreignCores.toFixed(2)} cores`,
  );
  return sample;
}
