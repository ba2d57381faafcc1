import type { LoadUpstream } from '../load/generators.ts';
import type { System } from '../load/system.ts';
import { percentile } from '../statistics.ts';
import { StreamClient, send } from '../stream-client.ts';
import { type Row, round, type Scenario } from './scenario.ts';

const LIMIT_MS = 120_000;
/** As many as a request may ask for, so that none ends by itself. */
const TOKENS = 1_024;
const PACE = 50;

/** Milliseconds from when it was sent. */
type Times = { acknowledged: number; modelLeft: number; readerDone: number };

export const stop: Scenario = {
  about: 'How soon a stop is acknowledged through the cluster, from any replica',
  async run(context) {
    const stops = context.toy ? 2 : context.quick ? 10 : 50;
    const until = performance.now() + LIMIT_MS;
    await using system = await context.startSystem({});
    const direct: Times[] = [];
    const proxied: Times[] = [];
    for (let n = 0; n < stops && performance.now() < until; n += 1) {
      const [first, second] = n % 2 === 0 ? system.apis : system.apis.toReversed();
      direct.push(await stopOne(context.upstream, system, 2 * n, first!, second!));
      proxied.push(await stopOne(context.upstream, system, 2 * n + 1, system.address, system.address));
    }
    context.log(`${direct.length + proxied.length} answers stopped`);
    const rows = [
      row('stop acknowledged, sent to another API', direct, 'acknowledged'),
      row('stop acknowledged, through NGINX', proxied, 'acknowledged'),
      row('stop: the connection to the model is closed', direct, 'modelLeft'),
      row('stop: its reader has the end', direct, 'readerDone'),
    ];
    return { sections: [{ title: 'Stop through the cluster', rows }], goals: [] };
  },
};

async function stopOne(
  upstream: LoadUpstream,
  { key }: System,
  n: number,
  acceptAt: string,
  stopAt: string,
): Promise<Times> {
  const at = (url: string) => ({ url, key });
  const message = `Go on for ever. [[n=${n} t=${TOKENS} r=${PACE}]]`;
  const body = { user_id: `stopper-${n % 8}`, message, max_tokens: TOKENS };
  const { correlation_id: id } = await send(at(acceptAt), 'POST', '/stream-chat', body);
  const client = new StreamClient(at(acceptAt), id);
  await client.first;
  const began = performance.now();
  const left = untilModelIsLeft(upstream);
  const { state } = await send(at(stopAt), 'POST', `/generations/${id}/stop`);
  const acknowledged = performance.now() - began;
  if (state !== 'cancelled') throw new Error(`a stop was not acknowledged: ${state} after ${acknowledged} ms`);
  const modelLeft = (await left) - began;
  await client.end;
  return { acknowledged, modelLeft, readerDone: client.endedAt! - began };
}

async function untilModelIsLeft(upstream: LoadUpstream): Promise<number> {
  while ((await upstream.stats()).open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  return performance.now();
}

function row(measure: string, times: readonly Times[], of: keyof Times): Row {
  const at = (share: number) =>
    round(
      percentile(
        times.map((each) => each[of]),
        share,
      ),
    );
  return { measure, count: times.length, 'p50 ms': at(0.5), 'p95 ms': at(0.95), 'worst ms': at(1) };
}
