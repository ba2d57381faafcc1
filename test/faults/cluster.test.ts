import { expect, test } from 'vitest';
import { FAULTS } from './cluster/faults.ts';
import { runFaults } from './cluster/run-faults.ts';

/** The short form of `npm run faults`, which also judges how long things take. */
test('nothing is lost, doubled or torn while every part is killed, paused or told to leave once', async ({
  signal,
}) => {
  const result = await runFaults({
    generations: 200,
    people: 12,
    rounds: 1,
    seed: 1,
    faults: FAULTS,
    signal,
    log: () => {},
  });
  expect(result.verdict).toEqual({ lost: [], doubled: [], torn: [], stuck: [], leftOver: [] });
  expect(result.generations).toBeGreaterThanOrEqual(200);
  expect(result.takeovers).toBeGreaterThan(0);
  expect(result.fenced).toBeGreaterThan(0);
  const unnoticed = FAULTS.filter(({ goal }) => goal?.what === 'no error').map(({ name }) => name);
  expect(result.happened.filter(({ fault, errors }) => unnoticed.includes(fault) && errors.length > 0)).toEqual([]);
}, 600_000);
