import { clusterBench } from '../cluster.ts';
import { round, type Scenario } from './scenario.ts';

const LIMIT_MS = 120_000;

export const stop: Scenario = {
  about: 'How soon a stop is acknowledged through the cluster, from any replica',
  async run({ quick, toy, log }) {
    const stops = toy ? 2 : quick ? 10 : 50;
    const rows = await clusterBench({ stops, until: performance.now() + LIMIT_MS, log });
    return {
      sections: [
        {
          title: 'Stop through the cluster',
          rows: rows.map((row) =>
            Object.fromEntries(
              Object.entries(row).map(([name, value]) => [name, typeof value === 'number' ? round(value) : value]),
            ),
          ),
        },
      ],
      goals: [],
    };
  },
};
