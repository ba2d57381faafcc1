import { adapter } from './adapter.ts';
import { affinity } from './affinity.ts';
import { concurrent, growth } from './concurrent.ts';
import { reconnectStorm, rollout, seedLoad, slowReaders } from './disturbed.ts';
import { firstToken } from './first-token.ts';
import { history } from './history.ts';
import { layers } from './layers.ts';
import { long } from './long.ts';
import type { Scenario } from './scenario.ts';
import { steps } from './steps.ts';
import { stop } from './stop.ts';
import { peers, streaming } from './streaming.ts';
import { async, sync } from './whole-answers.ts';

/** By the names that they are asked for. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  streaming,
  peers,
  'first-token': firstToken,
  concurrent,
  growth,
  sync,
  async,
  history,
  'reconnect-storm': reconnectStorm,
  rollout,
  'slow-readers': slowReaders,
  seed: seedLoad,
  steps,
  layers,
  stop,
  long,
  adapter,
  affinity,
};

/** What the table of goals needs. */
export const GOAL_SCENARIOS: readonly string[] = [
  'streaming',
  'peers',
  'first-token',
  'concurrent',
  'growth',
  'async',
  'history',
  'reconnect-storm',
  'rollout',
  'seed',
];
