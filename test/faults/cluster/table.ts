import { FAULTS, type Goal } from './faults.ts';
import type { Happened } from './injure.ts';
import type { RunResult } from './run-faults.ts';

/** As Markdown: a line for each kind of fault, then what was lost, doubled, torn or stuck. */
export function faultTable(result: RunResult): string {
  const { happened, generations, probes, answers, fenced, leasesLost, takeovers, verdict, firstToken } = result;
  const names = FAULTS.map(({ name }) => name).filter((name) => happened.some(({ fault }) => fault === name));
  const beside = quantile(firstToken, 0.95);
  const taken = happened.reduce((sum, each) => sum + each.takenFromPaused, 0);
  const ways = Object.entries(answers).map(([way, count]) => `${count} ${way}`);
  return [
    '| fault | times | readers | stall p50 | stall p95 | stall max | readers back | questions answered | client errors | load | goal |',
    '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|',
    ...names.map((name) => faultLine(name, ofFault(happened, name), beside)),
    '',
    `${generations} generations (${ways.join(', ')}) and ${probes} probes. ${takeovers} taken over, ${taken} of them from a paused worker; ${fenced} stale writes fenced, ${leasesLost} leases found lost. First token of the model server itself: p95 ${milliseconds(beside)}.`,
    '',
    ...(verdict
      ? [
          '| lost | doubled | torn or repeated | stuck | left over |',
          '|--:|--:|--:|--:|--:|',
          `| ${Object.values(verdict)
            .map((list) => list.length)
            .join(' | ')} |`,
        ]
      : ['Cut short: nothing was compared.']),
  ].join('\n');
}

const ofFault = (happened: readonly Happened[], name: string) => happened.filter(({ fault }) => fault === name);

function faultLine(name: string, happened: readonly Happened[], firstTokenMs: number): string {
  const stalls = happened.flatMap((each) => each.stalls).toSorted((a, b) => a - b);
  const most = (of: (each: Happened) => number) => Math.max(...happened.map(of));
  const cells = [
    name,
    happened.length,
    stalls.length,
    milliseconds(quantile(stalls, 0.5)),
    milliseconds(quantile(stalls, 0.95)),
    milliseconds(stalls.at(-1) ?? 0),
    milliseconds(most(({ readersMs }) => readersMs)),
    milliseconds(most(({ questionsMs }) => questionsMs)),
    happened.reduce((sum, { errors }) => sum + errors.length, 0),
    most(({ load }) => load).toFixed(1),
    judged(FAULTS.find((fault) => fault.name === name)?.goal ?? null, happened, firstTokenMs),
  ];
  return `| ${cells.join(' | ')} |`;
}

function judged(goal: Goal | null, happened: readonly Happened[], firstTokenMs: number): string {
  if (!goal) return '';
  const stalls = happened.flatMap((each) => each.stalls).toSorted((a, b) => a - b);
  const said = (text: string, isMet: boolean) => `${text}: ${isMet ? 'met' : 'missed'}`;
  switch (goal.what) {
    case 'no error':
      return said(
        'no error',
        happened.every(({ errors }) => errors.length === 0),
      );
    case 'recovery':
      return said(
        `both ≤ ${goal.limitMs / 1000} s`,
        happened.every((each) => Math.max(each.readersMs, each.questionsMs) <= goal.limitMs),
      );
    case 'stall':
      return said(`stall ≤ ${goal.limitMs / 1000} s`, (stalls.at(-1) ?? 0) <= goal.limitMs);
    case 'stall p95':
      return said(
        `stall p95 ≤ ${goal.limitMs / 1000} s + first token`,
        quantile(stalls, 0.95) <= goal.limitMs + firstTokenMs,
      );
  }
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const milliseconds = (value: number) => `${Math.round(value)} ms`;

/** Nothing lost, doubled, torn, stuck or left over, and where a paused worker was robbed, what it wrote late was refused. */
export function isKept({ verdict, happened, fenced }: RunResult): boolean {
  const taken = happened.reduce((sum, each) => sum + each.takenFromPaused, 0);
  return verdict !== null && Object.values(verdict).every((list) => list.length === 0) && (taken === 0 || fenced > 0);
}
