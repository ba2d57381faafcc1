import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { applyServe } from '../../src/adapters/ray/serve-api.ts';
import { ask } from '../contracts/inference.contract.ts';
import { until } from '../contracts/until.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { dashboard, removeAll, serveDetails } from './support/deploy.ts';
import { seen, stopwatch } from './support/seen.ts';

const LONGEST_START = 120_000;
/** Seconds; streams of so many tokens are longer than a replica takes to start. */
const TOKEN_DELAY = 0.1;
const TOKENS = 150;

/** On the same machinery as a model, which would take a minute for what this does in a second. */
beforeAll(async () => {
  const { serveUrl } = inject('ray');
  const { http_options, proxy_location } = await serveDetails();
  const application = {
    name: 'light',
    route_prefix: '/light',
    import_path: 'light_app:build',
    args: { token_delay_s: TOKEN_DELAY },
    deployments: [
      {
        name: 'light',
        max_ongoing_requests: 8,
        max_queued_requests: 8,
        backpressure_config: { status_code: 429, retry_after_s: 2 },
        ray_actor_options: { num_cpus: 0.25 },
        graceful_shutdown_wait_loop_s: 1,
        graceful_shutdown_timeout_s: 10,
        autoscaling_config: {
          min_replicas: 1,
          max_replicas: 2,
          target_ongoing_requests: 2,
          upscale_delay_s: 1,
          downscale_delay_s: 5,
          look_back_period_s: 2,
          metrics_interval_s: 0.5,
        },
      },
    ],
  };
  const config = {
    proxy_location: proxy_location ?? 'EveryNode',
    http_options: http_options ?? { host: '127.0.0.1', port: Number(new URL(serveUrl).port) },
    applications: [application],
  };
  await applyServe(dashboard(), config, new AbortController().signal);
  await until(async () => (await serveDetails()).applications.light?.status === 'RUNNING');
}, LONGEST_START);
afterAll(removeAll, LONGEST_START);

const open = () => openAgainst({ url: `${inject('ray').serveUrl}/light/v1` }, { dialect: 'openai' });

async function replicasRunning(): Promise<number> {
  const { light } = (await serveDetails()).applications;
  return light!.deployments.light!.replicas.filter(({ state }) => state === 'RUNNING').length;
}

test('requests under way bring a second replica, and their end takes it away', async () => {
  await using inference = await open();
  const streams = Array.from({ length: 8 }, (_, index) =>
    ask({ inference, model: 'light' }, { content: `${index}`, maxTokens: TOKENS }),
  );
  const since = stopwatch();
  await until(async () => (await replicasRunning()) === 2);
  seen(`a second replica ${since()} s after 8 requests`);
  const whole = Array.from({ length: TOKENS }, (_, index) => ` t${index}`).join('');
  expect((await Promise.all(streams)).map(({ text }) => text)).toEqual(streams.map(() => whole));
  await until(async () => (await replicasRunning()) === 1);
  seen(`one again ${since()} s after them`);
});

test('more than it holds is told to come again: 429, which is no illness', async () => {
  await using inference = await open();
  const ended = await Promise.allSettled(
    Array.from({ length: 60 }, (_, index) =>
      ask({ inference, model: 'light' }, { content: `${index}`, maxTokens: 20 }),
    ),
  );
  const refused = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(60);
  for (const error of refused) expect(error).toMatchObject({ kind: 'rate_limited', retryAfterMs: 2000 });
  expect(await inference.health()).toMatchObject({ status: 'up' });
});
