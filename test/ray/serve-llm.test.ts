import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { ask, inferenceContract } from '../contracts/inference.contract.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { deploy, removeAll, serveDetails } from './support/deploy.ts';
import { seen } from './support/seen.ts';

const LONGEST_START = 240_000;

describe('a model on Ray Serve LLM', () => {
  let deployed: Awaited<ReturnType<typeof deploy>>;
  beforeAll(async () => {
    deployed = await deploy({ model: 'tiny', source: inject('models').plain });
  }, LONGEST_START);
  afterAll(removeAll, LONGEST_START);

  async function replicas(): Promise<string[]> {
    const { status, deployments } = (await serveDetails()).applications.tiny!;
    expect(status).toBe('RUNNING');
    return Object.values(deployments).flatMap((each) => each.replicas.map(({ replica_id }) => replica_id));
  }

  const url = () => `${inject('ray').serveUrl}/tiny/v1`;

  test('deploy shows what it applies, and ends once a token has come back', async () => {
    seen(`deploy said:\n${deployed.err}`);
    expect(deployed.err).toContain('it answers: "');
    expect(deployed.err).toContain(`INFERENCE_URL=${url()}`);
    expect(deployed.code).toBe(0);
    expect(parse(deployed.out)).toMatchObject({ applications: [{ name: 'tiny', route_prefix: '/tiny' }] });
    const { applications } = await serveDetails();
    expect(applications.tiny!.status).toBe('RUNNING');
  });

  inferenceContract('openai-http against Ray Serve LLM and vLLM', async () => {
    const inference = await openAgainst({ url: url() });
    return { inference, model: 'tiny', counts: 'estimated', close: () => inference[Symbol.asyncDispose]() };
  });

  test('more than it takes is refused as such, and what it took is answered', async () => {
    await using inference = await openAgainst({ url: url() });
    const questions = Array.from({ length: 60 }, (_, index) => `Tell me a long story. ${index}`);
    const ended = await Promise.allSettled(
      questions.map((content) => ask({ inference, model: 'tiny' }, { content, maxTokens: 150 })),
    );
    const refused = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refused.map(({ kind, retryAfterMs }) => `${kind} ${retryAfterMs}`)).toEqual(
      refused.map(() => 'rate_limited 2000'),
    );
    seen(`60 long answers at once: ${ended.length - refused.length} whole, ${refused.length} told to come again`);
    expect(refused.length).toBeGreaterThan(0);
    expect(ended.length - refused.length).toBeGreaterThanOrEqual(20);
  });

  test(
    'a model that cannot be loaded: what vLLM says of it, and the other is left as it is',
    async () => {
      const before = await replicas();
      const { code, err } = await deploy({ model: 'none', source: '/nowhere/at/all' });
      seen(`a model that cannot be loaded:\n${err}`);
      expect(err).toContain('none: Ray could not start it');
      expect(err).toContain('/nowhere/at/all');
      expect(code).toBe(9);
      expect(await replicas()).toEqual(before);
    },
    LONGEST_START,
  );
});
