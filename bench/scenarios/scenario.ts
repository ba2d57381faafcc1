import type { LoadUpstream } from '../load/generators.ts';
import type { System, SystemOptions } from '../load/system.ts';

export type Context = {
  /** One round, seconds and not minutes: for a look, and so that the bench is known to run. */
  quick: boolean;
  /** A fiftieth of everything, for tests. */
  toy: boolean;
  /** Which of `PEER_NAMES`. */
  peers: readonly string[];
  /** Of what is measured in turns; null: as many as the scenario has. */
  rounds: number | null;
  /** Of what is held or goes on for a while; null: as the scenario has it. */
  seconds: number | null;
  upstream: LoadUpstream;
  /** The whole of it on this machine, warm; in a toy run one, cold, for all scenarios, whatever they ask for. */
  startSystem(options: SystemOptions): Promise<System>;
  signal: AbortSignal;
  log(line: string): void;
};

export type Row = Record<string, number | string>;
export type Section = { title: string; note?: string; rows: Row[] /** A column that is drawn. */; chart?: string };
export type GoalResult = { goal: string; wanted: string; got: string; isMet: boolean };
export type Outcome = { sections: Section[]; goals: GoalResult[] };
export type Scenario = { about: string; run(context: Context): Promise<Outcome> };

export function atMost(goal: string, limit: number, got: number, unit = ''): GoalResult {
  return { goal, wanted: `≤ ${limit}${unit}`, got: `${round(got)}${unit}`, isMet: got <= limit };
}

export function atLeast(goal: string, limit: number, got: number, unit = ''): GoalResult {
  return { goal, wanted: `≥ ${limit}${unit}`, got: `${round(got)}${unit}`, isMet: got >= limit };
}

/** Three digits that mean something. */
export function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(3)) : value;
}

/** Of streams that are held: what a toy run needs to see that it works. */
export const held = ({ seconds, toy, quick }: Context, whole: number, short = whole) => ({
  seconds: seconds ?? (toy ? 0.5 : quick ? short : whole),
  ...(toy && { tail: 1 }),
});

export const roundsOf = ({ rounds, toy, quick }: Context, whole = 3) => rounds ?? (toy || quick ? 1 : whole);

/** `whole` of an ordinary run, at least 1 in a toy one. */
export function scaled(context: Context, whole: number, quick = whole): number {
  const wanted = context.quick ? quick : whole;
  return context.toy ? Math.max(1, Math.ceil(wanted / 50)) : wanted;
}
