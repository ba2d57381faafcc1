import { type StreamSample, sumOfCodes } from '../load/hold-streams.ts';
import { median } from '../statistics.ts';
import { type Row, round } from './scenario.ts';

/** One row for a target: medians of its rounds. Each is judged within its own round; foreign load is told beside. */
export function streamRow(samples: readonly StreamSample[], more: Row = {}): Row {
  const of = (value: (sample: StreamSample) => number) => round(median(samples.map(value)));
  const groups = [...new Set(samples.flatMap(({ cpu }) => Object.keys(cpu)))];
  return {
    target: samples[0]!.target,
    ...more,
    streams: samples[0]!.streams,
    'tokens/s': of((each) => each.tokensPerSecond),
    'tokens/event': of((each) => each.tokensPerEvent),
    'CPU µs/token': of((each) => each.cpuPerToken),
    'least–most': `${round(Math.min(...samples.map((each) => each.cpuPerToken)))}–${round(Math.max(...samples.map((each) => each.cpuPerToken)))}`,
    ...Object.fromEntries(groups.map((group) => [`${group} µs`, of((each) => each.cpu[group] ?? 0)])),
    cores: of((each) => each.cores),
    'delay p50 ms': of((each) => each.delay.p50),
    'delay p90 ms': of((each) => each.delay.p90),
    'delay p99 ms': of((each) => each.delay.p99),
    'delay p99.9 ms': of((each) => each.delay.p999),
    'TTFT p50 ms': of((each) => each.ttft.p50),
    'TTFT p99 ms': of((each) => each.ttft.p99),
    'lost or torn': samples.reduce((sum, each) => sum + each.lostBytes + each.torn, 0),
    errors: samples.reduce((sum, each) => sum + each.errors, 0),
    codes: codeList(samples.map(({ codes }) => codes)),
    'foreign cores': of((each) => each.foreignCores),
    'generator cores': of((each) => each.generatorCores),
  };
}

/** Refusals (also those that were asked again and then served) and failures. */
export function codeList(all: readonly Record<string, number>[]): string {
  const codes = Object.entries(sumOfCodes(all));
  return codes.map(([code, count]) => `${code}: ${count}`).join(', ') || '0';
}

export function memoryRow(samples: readonly StreamSample[]): Row {
  const groups = Object.keys(samples[0]!.memory);
  return {
    target: samples[0]!.target,
    streams: samples[0]!.streams,
    ...Object.fromEntries(
      groups.map((group) => [`${group} KB/stream`, round(median(samples.map(({ memory }) => memory[group]!)))]),
    ),
  };
}
