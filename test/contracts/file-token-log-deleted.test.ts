import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileTokenLog } from '../../src/adapters/file/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { START } from '../../src/protocol/position.ts';

const NOTHING = new Uint8Array(0);
const bytes = (text: string) => new TextEncoder().encode(text);
const ID = 'answer';

let folder: string;
let log: FileTokenLog;

beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'cb-log-')), 'log');
  // One descriptor: none of the files stays open behind the back of those who delete them.
  log = new FileTokenLog({ folder, clock: new SystemClock(), maxOpenFiles: 1 });
  await log.open(ID, 1);
  await append(0, 'Once upon');
  await log.open('another', 1);
});
afterEach(async () => {
  await log[Symbol.asyncDispose]();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

async function append(at: number, text: string) {
  const [outcome] = await log.append([
    { id: ID, epoch: 1, at: { text: at, reasoning: 0 }, text: bytes(text), reasoning: NOTHING },
  ]);
  return outcome;
}

const deleteFile = (ending: string) =>
  rmSync(join(folder, readdirSync(folder).find((name) => name.startsWith(ID) && name.endsWith(ending))!));
const LOSSES: readonly [string, () => void][] = [
  ['its text', () => deleteFile('.text')],
  ['the end of its text', () => truncateSync(join(folder, `${ID}.1.text`), 4)],
  [
    'all files',
    () => {
      for (const name of readdirSync(folder)) rmSync(join(folder, name));
    },
  ],
  ['the folder', () => rmSync(folder, { recursive: true })],
];

describe.each(LOSSES)('a log that has lost %s under its owner', (_what, lose) => {
  beforeEach(() => lose());

  test('refuses the next append as a log that is gone does, and is put back whole', async () => {
    expect(await append(9, ' a time')).toEqual({ kind: 'refused', epoch: 0, at: START.at, closed: false });
    const text = bytes('Once upon a time');
    const how = { kind: 'restore', text, reasoning: NOTHING, epochs: [{ epoch: 1, at: START.at }] } as const;
    expect((await log.open(ID, 1, how)).kind).toBe('opened');
    expect(await append(16, '.')).toMatchObject({ kind: 'appended' });
    const { snapshot } = await log.attach(ID, START, () => {});
    expect(Buffer.from(snapshot!.text).toString()).toBe('Once upon a time.');
    expect(readFileSync(join(folder, `${ID}.1.text`), 'utf8')).toBe('Once upon a time.');
  });

  test('shows a reader nothing rather than something else', async () => {
    expect((await log.attach(ID, START, () => {})).snapshot).toBeNull();
  });

  test('is opened by the next owner as a new one', async () => {
    expect(await log.open(ID, 2)).toMatchObject({
      kind: 'opened',
      text: NOTHING,
      epochs: [{ epoch: 2, at: START.at }],
    });
  });
});

test('closing one whose record is gone tells its followers that something is missing', async () => {
  const heard: string[] = [];
  await log.attach(ID, START, ({ kind }) => heard.push(kind));
  deleteFile('.record');
  await log.close(ID, 1);
  expect(heard).toEqual(['gap']);
});
