import { describe, expect, it } from 'vitest';
import { RULES, type Rule } from './rules.ts';
import { type SimulationOptions, simulate } from './simulate.ts';

const PEOPLE: SimulationOptions = { faults: true, users: 8, messages: 4, hog: 0 };
/** Within so many seeds a rule that is switched off must be missed. */
const NOTICED_WITHIN = 60;

async function seeds(from: number, count: number, options: SimulationOptions) {
  const results = [];
  for (let seed = from; seed < from + count; seed++) results.push(await simulate(seed, options));
  return results;
}

const broken = (results: Awaited<ReturnType<typeof seeds>>) =>
  results
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => ({ seed, violations: violations.slice(0, 3) }));

const sum = (figures: readonly number[]) => figures.reduce((total, figure) => total + figure, 0);

describe('core under a seeded scheduler', () => {
  it.each([1, 41, 81])(
    'loses, doubles and tears nothing, whatever dies and wherever users move (40 seeds from %i)',
    async (from) => {
      const results = await seeds(from, 40, PEOPLE);
      expect(broken(results)).toEqual([]);
      expect(sum(results.map(({ takeovers }) => takeovers))).toBeGreaterThan(50);
      expect(sum(results.map(({ moves }) => moves))).toBeGreaterThan(500);
      expect(sum(results.map(({ stops }) => stops))).toBeGreaterThan(100);
    },
  );

  it('replays a seed to the last figure', async () => {
    const [first] = await seeds(7, 1, PEOPLE);
    const [second] = await seeds(7, 1, PEOPLE);
    expect(second).toEqual(first);
  });

  it('lets nobody wait for one user with many jobs', async () => {
    const alone = await seeds(1, 3, { ...PEOPLE, faults: false });
    const besideHog = await seeds(1, 3, { ...PEOPLE, faults: false, hog: 200 });
    expect(broken(besideHog)).toEqual([]);
    const wait = (results: typeof alone) => Math.max(...results.map(({ waitP95Ms }) => waitP95Ms));
    expect(wait(besideHog)).toBeLessThan(wait(alone) + 2_000);
  });
});

describe('a rule that is switched off is missed', () => {
  it.each(Object.entries(RULES))('%s: %s', async (rule) => {
    let noticed = false;
    for (let seed = 1; seed <= NOTICED_WITHIN && !noticed; seed++) {
      noticed = (await simulate(seed, { ...PEOPLE, without: rule as Rule })).violations.length > 0;
    }
    expect(noticed).toBe(true);
  });
});
