import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { FileTokenLog } from '../../src/adapters/file/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import type { Ending, TokenLog } from '../../src/ports/token-log.ts';
import { START } from '../../src/protocol/position.ts';

/** Calls that change the folder, left until the process "dies"; after that nothing of it happens any more. */
const life = vi.hoisted(() => ({ callsLeft: Number.POSITIVE_INFINITY, calls: 0, failsAtCall: 0 }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const dies = () => {
    life.calls++;
    return --life.callsLeft < 0;
  };
  const mortal = <A extends unknown[], R>(call: (...args: A) => R) => {
    return (...args: A): R => {
      if (dies()) throw new Error('killed');
      return call(...args);
    };
  };
  return {
    ...real,
    openSync: mortal(real.openSync),
    ftruncateSync: mortal(real.ftruncateSync),
    rmSync: mortal(real.rmSync),
    writeSync: (descriptor: number, bytes: Uint8Array, offset: number, length: number, position: number) => {
      const dead = dies();
      if (life.calls === life.failsAtCall) throw new Error('no space left');
      if (!dead) return real.writeSync(descriptor, bytes, offset, length, position);
      if (life.callsLeft === -1) real.writeSync(descriptor, bytes, offset, length >> 1, position);
      throw new Error('killed');
    },
  };
});

const ID = 'a';
const ENDING: Ending = {
  finishReason: 'stop',
  usage: { promptTokens: 1, reusedTokens: 0, completionTokens: 1 },
  model: 'm',
};
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const piece = (epoch: number, at: number, thought: number, text: string, reasoning: string, ending?: Ending) => ({
  id: ID,
  epoch,
  at: { text: at, reasoning: thought },
  text: encode(text),
  reasoning: encode(reasoning),
  ...(ending && { ending }),
});

const steps: ((log: TokenLog) => Promise<unknown>)[] = [
  (log) => log.open(ID, 1),
  (log) => log.append([piece(1, 0, 0, 'né', 'thinkß')]),
  (log) => log.append([piece(1, 3, 7, '中文😀', '😀', ENDING)]),
  (log) => log.open(ID, 2),
  (log) => log.open(ID, 3, { kind: 'fresh' }),
  (log) => log.append([piece(3, 0, 0, 'another', '')]),
  (log) =>
    log.open(ID, 4, {
      kind: 'restore',
      text: encode('restored €'),
      reasoning: encode('why'),
      epochs: [{ epoch: 4, at: START.at }],
    }),
  (log) => log.append([piece(4, 12, 3, '€€€', 'not', ENDING)]),
  (log) => log.close(ID, 4),
  (log) => log.remove(ID),
];

type State = { epoch: number; text: string; reasoning: string; closed: boolean; complete: boolean } | null;

/** As the next process finds it, which then takes over at `epoch`. */
async function stateOf(folder: string, epoch = 100): Promise<State> {
  await using log = new FileTokenLog({ folder, clock: new SystemClock() });
  const { snapshot } = await log.attach(ID, START, () => {});
  if (!snapshot) return null;
  const opened = await log.open(ID, epoch);
  const complete = opened.kind === 'opened' && opened.ending !== null;
  return {
    epoch: snapshot.epoch,
    closed: snapshot.closed,
    complete,
    text: decode(snapshot.text),
    reasoning: decode(snapshot.reasoning),
  };
}

const folders: string[] = [];
afterEach(() => {
  life.callsLeft = Number.POSITIVE_INFINITY;
  for (const folder of folders.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
});

/** What stands after each step, and the state a reader finds when the process died at its `kill`th call. */
async function run(kill: number): Promise<{ done: number; state: State }> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'token-log-'));
  folders.push(folder);
  const log = new FileTokenLog({ folder, clock: new SystemClock() });
  life.calls = 0;
  life.callsLeft = kill;
  let done = 0;
  for (const step of steps) {
    const survived = await step(log).then(
      () => life.callsLeft >= 0,
      () => false,
    );
    if (!survived) break;
    done++;
  }
  life.callsLeft = Number.POSITIVE_INFINITY;
  const state = await stateOf(folder);
  expect(await stateOf(folder, 101)).toEqual(state && { ...state, epoch: 100, closed: false });
  await log[Symbol.asyncDispose]();
  return { done, state };
}

async function statesBySteps(): Promise<State[]> {
  const states: State[] = [null];
  for (let count = 1; count <= steps.length; count++) {
    const folder = fs.mkdtempSync(join(tmpdir(), 'token-log-'));
    folders.push(folder);
    await using log = new FileTokenLog({ folder, clock: new SystemClock() });
    for (const step of steps.slice(0, count)) await step(log);
    states.push(await stateOf(folder));
  }
  return states;
}

function isBetween(state: State, before: State, after: State): boolean {
  if (JSON.stringify(state) === JSON.stringify(before) || JSON.stringify(state) === JSON.stringify(after)) return true;
  if (!state || !before || !after || state.complete || state.epoch !== before.epoch || before.epoch !== after.epoch) {
    return false;
  }
  return (['text', 'reasoning'] as const).every(
    (channel) => state[channel].startsWith(before[channel]) && after[channel].startsWith(state[channel]),
  );
}

it('finds, wherever its process died, what stood before the step or after it, or a part of an append', async () => {
  const states = await statesBySteps();
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  let kills = 0;
  for (let done = 0; done < steps.length; kills++) {
    const outcome = await run(kills);
    done = outcome.done;
    const before = states[done] ?? null;
    const after = states[Math.min(done + 1, steps.length)] ?? null;
    if (!isBetween(outcome.state, before, after)) {
      expect({ kills, done, state: outcome.state }).toEqual({ kills, done, state: { before, after } });
    }
  }
  expect(kills).toBeGreaterThan(30);
});

it('takes back the ending that it recorded for bytes that found no space', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'token-log-'));
  folders.push(folder);
  await using log = new FileTokenLog({ folder, clock: new SystemClock() });
  await log.open(ID, 1);
  await log.append([piece(1, 0, 0, 'abc', '')]);
  life.failsAtCall = life.calls + 2;
  await expect(log.append([piece(1, 3, 0, 'def', '', ENDING)])).rejects.toThrow('cannot be written');
  expect(await log.append([piece(1, 3, 0, 'def', '')])).toMatchObject([{ kind: 'appended' }]);
  expect(await stateOf(folder)).toEqual({ epoch: 1, text: 'abcdef', reasoning: '', closed: false, complete: false });
});
