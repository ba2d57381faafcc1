import type { WithDefaults } from './defaults.ts';
import { DISTRIBUTED_SETTINGS } from './distributed-settings.ts';
import type { ShardAddress } from './server-addresses.ts';
import type { SettingName, SettingValues } from './settings.ts';

/** The databases that processes share. */
export type Machines = {
  shards: readonly ShardAddress[];
  /** Null: the first shard's primary. */
  directory: string | null;
};

/** Beside them what only servers need. */
export type Services = { broker: string; redis: { state: string; cache: string } };

const DEFAULT_REDIS_PORT = 6379;

export function machinesOf(values: WithDefaults, problems: string[]): Machines {
  if (values.DATABASE_URLS === undefined) problems.push('DATABASE_URLS is needed: which databases hold the shards?');
  return { shards: values.DATABASE_URLS ?? [], directory: values.DIRECTORY_URL ?? null };
}

export function servicesOf(values: WithDefaults, problems: string[]): Services {
  if (values.RABBITMQ_URI === undefined) problems.push('RABBITMQ_URI is needed: which broker holds the lanes?');
  const { REDIS_HOST: host, REDIS_PORT: port = DEFAULT_REDIS_PORT } = values;
  const shared = host === undefined ? undefined : `redis://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const state = values.REDIS_STATE_URL ?? shared;
  const cache = values.REDIS_CACHE_URL ?? shared;
  if (state === undefined && cache === undefined) {
    problems.push('REDIS_STATE_URL and REDIS_CACHE_URL are needed, or REDIS_HOST for both');
  }
  return { broker: values.RABBITMQ_URI ?? '', redis: { state: state ?? '', cache: cache ?? '' } };
}

/** What was given and contradicts itself, whatever the role. */
export function checkMachines(values: SettingValues, problems: string[]): void {
  const both = (one: SettingName, other: SettingName) => {
    if (values[one] !== undefined && values[other] !== undefined)
      problems.push(`${one} and ${other} exclude each other`);
  };
  const needs = (one: SettingName, other: SettingName) => {
    if (values[one] !== undefined && values[other] === undefined) problems.push(`${one} is of no use without ${other}`);
  };
  both('REDIS_HOST', 'REDIS_STATE_URL');
  both('REDIS_HOST', 'REDIS_CACHE_URL');
  both('MODEL', 'MODEL_NAME');
  needs('REDIS_PORT', 'REDIS_HOST');
  if (values.REDIS_HOST === undefined) {
    needs('REDIS_STATE_URL', 'REDIS_CACHE_URL');
    needs('REDIS_CACHE_URL', 'REDIS_STATE_URL');
  }
  needs('DIRECTORY_URL', 'DATABASE_URLS');
  needs('INFERENCE_API_KEY', 'INFERENCE_URL');
  for (const name of ['INFERENCE_URL', 'MODEL', 'MODEL_NAME'] as const) both(name, 'MODELS_FILE');
  for (const name of ['MODELS_DIR', 'ENGINE_CONTEXT_TOKENS', 'ENGINE_THREADS', 'ENGINE_PACE_MS'] as const) {
    both(name, 'INFERENCE_URL');
  }
}

/** Everything on one machine would silently ignore these. */
export function refuseMachines(given: SettingValues, problems: string[]): void {
  for (const name of Object.keys(DISTRIBUTED_SETTINGS) as (keyof typeof DISTRIBUTED_SETTINGS)[]) {
    if (given[name] === undefined || DISTRIBUTED_SETTINGS[name].group !== 'machines') continue;
    problems.push(`${name} is for many machines: say which role, \`api\` or \`worker\`, or leave it out`);
  }
}
