import type { ValueType } from './value-types.ts';

/**
 * One setting: an environment variable, a line of `.env`, and a flag (`PORT` is `--port`).
 * `.env.example`, `docs/configuration.md` and `--help` are generated from these.
 */
export type Setting<T = unknown> = {
  group: Group;
  type: ValueType<T>;
  /** As a person would write it. A setting without one is derived: `otherwise` says from what. */
  default?: string;
  otherwise?: string;
  unit?: string;
  description: string;
  example?: string;
  /** Its value is never printed. */
  secret?: true;
};

export const GROUPS = {
  basics: 'The settings that matter',
  machines: 'Many machines',
  lanes: 'Slots and lanes',
  admission: 'Admission and limits',
  times: 'Leases, retries and deadlines',
  streams: 'Streams and the token log',
  recovery: 'Recovery',
  webhooks: 'Webhooks',
  storage: 'Database and caches',
  servers: 'Bounds on the servers of many machines',
  inference: 'The inference server',
  engine: 'The embedded engine',
} as const;
export type Group = keyof typeof GROUPS;

export const define = <T, R extends Omit<Setting<T>, 'group' | 'type'>>(group: Group, type: ValueType<T>, rest: R) => ({
  group,
  type,
  ...rest,
});
