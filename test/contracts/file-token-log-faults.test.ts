import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileTokenLog, type FileTokenLogOptions } from '../../src/adapters/file/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import type { Ending, Frame, OpenHow } from '../../src/ports/token-log.ts';
import { START } from '../../src/protocol/position.ts';
import { textOf } from './file-token-log-text.ts';
import { ManualClock } from './manual-clock.ts';
import { until } from './until.ts';

const MINUTE_MS = 60_000;
const ENDING: Ending = {
  finishReason: 'stop',
  usage: { promptTokens: 1, reusedTokens: 0, completionTokens: 1 },
  model: 'm',
};
const WRITER = join(import.meta.dirname, 'file-token-log-writer.ts');
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);

let folder: string;
let logs: FileTokenLog[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'token-log-'));
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const start = (options: Partial<FileTokenLogOptions> = {}) => {
  const log = new FileTokenLog({ folder, clock: new SystemClock(), ...options });
  logs.push(log);
  return log;
};
const write = async (log: FileTokenLog, id: string, text: string, how?: OpenHow, ending?: Ending) => {
  expect(await log.open(id, 1, how)).toMatchObject({ kind: 'opened' });
  await add(log, id, 0, text, ending);
};
const add = (log: FileTokenLog, id: string, at: number, text: string, ending?: Ending) =>
  log.append([
    {
      id,
      epoch: 1,
      at: { text: at, reasoning: 0 },
      text: encode(text),
      reasoning: encode(''),
      ...(ending && { ending }),
    },
  ]);
const read = async (log: FileTokenLog, id: string) => {
  const { snapshot, detach } = await log.attach(id, START, () => {});
  detach();
  return snapshot && decode(snapshot.text);
};

describe('a process that is killed while it writes', () => {
  it('leaves a log that begins with all that was acknowledged, and the next process goes on', async () => {
    const ids = ['one', 'two', 'three'];
    let characters = 0;
    for (let epoch = 1; epoch <= 8; epoch++) {
      const acknowledged = await runAndKill(epoch, ids, 20 + 60 * epoch);
      const log = start();
      for (const id of ids) {
        const bytes = encode((await read(log, id)) ?? '');
        expect(bytes.length).toBeGreaterThanOrEqual(acknowledged.get(id) ?? 0);
        const length = [...decode(bytes)].length;
        expect(decode(bytes)).toBe(textOf(length));
        const file = readdirSync(folder).find((name) => name.startsWith(`${id}.`) && name.endsWith('.text'));
        if (file) expect(readFileSync(join(folder, file)).equals(bytes)).toBe(true);
        characters += length;
      }
      await log[Symbol.asyncDispose]();
    }
    expect(characters).toBeGreaterThan(0);
  });

  async function runAndKill(epoch: number, ids: readonly string[], lines: number): Promise<Map<string, number>> {
    const child = spawn(process.execPath, [WRITER, folder, `${epoch}`, ...ids], { stdio: ['pipe', 'pipe', 'inherit'] });
    const acknowledged = new Map<string, number>();
    let count = 0;
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const [id, bytes] = line.split(' ');
        if (id !== undefined && bytes !== undefined) acknowledged.set(id, Number(bytes));
        if (++count === lines) setTimeout(() => child.kill('SIGKILL'), Math.random() * 20);
      }
    } finally {
      child.kill('SIGKILL');
      await ended(child);
    }
    expect(child.signalCode).toBe('SIGKILL');
    expect(count).toBeGreaterThanOrEqual(lines);
    return acknowledged;
  }
});

describe('a disk that is full', () => {
  it('refuses the append with a clear error and leaves the log as it stood', async () => {
    const script = `
      import { FileTokenLog } from ${JSON.stringify(join(import.meta.dirname, '../../src/adapters/file/token-log.ts'))};
      import { SystemClock } from ${JSON.stringify(join(import.meta.dirname, '../../src/adapters/system/clock.ts'))};
      const log = new FileTokenLog({ folder: ${JSON.stringify(folder)}, clock: new SystemClock() });
      const bytes = (n) => new Uint8Array(n).fill(97);
      const append = (id, at, text, reasoning, ending) =>
        log.append([{ id, epoch: 1, at: { text: at, reasoning: at }, text: bytes(text), reasoning: bytes(reasoning), ending }])
          .then(([outcome]) => outcome, (error) => error.message);
      const ending = ${JSON.stringify(ENDING)};
      await log.open('a', 1);
      await log.open('b', 1);
      const results = [await append('a', 0, 4000, 4000), await append('a', 4000, 6000, 1000, ending)];
      results.push(await append('a', 4000, 10, 10));
      const batch = [
        { id: 'a', epoch: 1, at: { text: 4010, reasoning: 4010 }, text: bytes(9000), reasoning: bytes(0) },
        { id: 'b', epoch: 1, at: { text: 0, reasoning: 0 }, text: bytes(5), reasoning: bytes(0) },
      ];
      results.push(await log.append(batch).catch((error) => error.message), await append('b', 0, 5, 0));
      const restored = { kind: 'restore', text: bytes(9000), reasoning: bytes(10), epochs: [{ epoch: 2, at: { text: 0, reasoning: 0 } }] };
      results.push(await log.open('a', 2, restored).catch((error) => error.message), (await log.open('a', 2)).text.length);
      console.log(JSON.stringify(results));
      await log[Symbol.asyncDispose]();
    `;
    writeFileSync(join(folder, 'script.mts'), script);
    // A file that may not grow past 8 KiB fails as a full disk does: a part is written, then an error.
    const limited = 'ulimit -f 8 && exec "$0" "$1"';
    const child = spawn('bash', ['-c', limited, process.execPath, join(folder, 'script.mts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      output += data;
    });
    await ended(child);
    const full = expect.stringMatching(/^The token log .*\.text cannot be written: EFBIG\.$/);
    expect(JSON.parse(output)).toEqual([
      { kind: 'appended', followers: 0 },
      full,
      { kind: 'appended', followers: 0 },
      full,
      { kind: 'refused', epoch: 1, at: { text: 5, reasoning: 0 }, closed: false },
      full,
      4010,
    ]);
    const log = start();
    const outcome = await log.open('a', 3);
    expect(outcome).toMatchObject({ kind: 'opened', ending: null });
    expect(outcome.kind === 'opened' && [outcome.text.length, outcome.reasoning.length]).toEqual([4010, 4010]);
    expect(
      readdirSync(folder)
        .filter((name) => name.startsWith('a.'))
        .sort(),
    ).toEqual(['a.1.reasoning', 'a.1.text', 'a.record']);
  });
});

describe('the folder', () => {
  it('holds the answer and nothing else in the text file, and reasoning only where there is some', async () => {
    const log = start();
    await write(log, 'a', 'Grüße, 世界');
    expect(readdirSync(folder).sort()).toEqual(['a.1.text', 'a.record']);
    expect(readFileSync(join(folder, 'a.1.text'), 'utf8')).toBe('Grüße, 世界');
    await log.open('a', 2, { kind: 'fresh' });
    expect(readdirSync(folder)).toEqual(['a.record']);
  });

  it('is left alone where it is not ours, and cleared of leftovers', async () => {
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    writeFileSync(join(folder, 'a.b.record'), 'mine');
    writeFileSync(join(folder, 'never.7.text'), 'begun, never recorded');
    await write(start(), 'a', 'abc');
    writeFileSync(join(folder, 'a.5.text'), 'a restore that did not come to be');
    const log = start();
    expect(readdirSync(folder).sort()).toEqual(['a.1.text', 'a.b.record', 'a.record', 'notes.txt']);
    expect(await read(log, 'a')).toBe('abc');
    await log.remove('a');
    expect(readdirSync(folder).sort()).toEqual(['a.b.record', 'notes.txt']);
  });

  it('is not left by an id that means another one', async () => {
    const log = start();
    for (const id of ['../a', 'a/b', '', 'a.b', '.']) await expect(log.open(id, 1)).rejects.toThrow(TypeError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('survives a torn record: the one before stands', async () => {
    await write(start(), 'a', 'abc');
    appendFileSync(join(folder, 'a.record'), '{"base":1,"epoch":2,"epo');
    const log = start();
    expect(await log.open('a', 1)).toEqual({ kind: 'refused', epoch: 1 });
    expect(await log.open('a', 2)).toMatchObject({ kind: 'opened' });
    expect(await start().open('a', 2)).toEqual({ kind: 'refused', epoch: 2 });
    appendFileSync(join(folder, 'a.record'), '\0\0\0\n{"half":true}\n');
    expect(await read(start(), 'a')).toBe('abc');
  });

  it('cuts the zeros off that a power cut leaves', async () => {
    await write(start(), 'a', 'abc');
    appendFileSync(join(folder, 'a.1.text'), Buffer.alloc(100));
    expect(await read(start(), 'a')).toBe('abc');
    expect(readFileSync(join(folder, 'a.1.text'), 'utf8')).toBe('abc');
  });

  it('takes an ending as such only where every byte before it is there', async () => {
    await write(start(), 'a', 'abcdef', undefined, ENDING);
    truncateSync(join(folder, 'a.1.text'), 5);
    expect(await start().open('a', 2)).toMatchObject({ kind: 'opened', ending: null });
  });

  it('is not believed closed where bytes are missing', async () => {
    const log = start();
    await write(log, 'a', 'abcdef');
    await log.close('a', 1);
    truncateSync(join(folder, 'a.1.text'), 5);
    const { snapshot } = await start().attach('a', START, () => {});
    expect(snapshot).toMatchObject({ closed: false });
  });
});

describe('the janitor', () => {
  it('removes closed logs after their time, orphans after theirs, and tells followers', async () => {
    const clock = new ManualClock();
    const log = start({ clock });
    await write(log, 'closed', 'abc');
    await write(log, 'orphan', 'abc');
    await write(log, 'alive', 'abc');
    const frames: Frame[] = [];
    await log.attach('closed', START, (frame) => frames.push(frame));
    await log.close('closed', 1);
    await clock.advance(9 * MINUTE_MS);
    expect(await read(log, 'closed')).toBe('abc');
    await clock.advance(2 * MINUTE_MS);
    expect(await read(log, 'closed')).toBeNull();
    expect(frames.at(-1)).toEqual({ kind: 'gap' });
    expect(existsSync(join(folder, 'closed.record'))).toBe(false);
    await clock.advance(23 * 60 * MINUTE_MS);
    await add(log, 'alive', 3, 'd');
    await clock.advance(60 * MINUTE_MS);
    expect(await read(log, 'orphan')).toBeNull();
    expect(await read(log, 'alive')).toBe('abcd');
    expect(readdirSync(folder).sort()).toEqual(['alive.1.text', 'alive.record']);
  });

  it('counts the time also while no process ran', async () => {
    const first = start();
    await write(first, 'a', 'abc');
    await first.close('a', 1);
    const clock = new ManualClock();
    await clock.advance(11 * MINUTE_MS);
    expect(await read(start({ clock }), 'a')).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('open files', () => {
  it.runIf(existsSync('/proc/self/fd'))('are bounded, and none is left at the end', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    const log = start({ maxOpenFiles: 8 });
    for (let n = 0; n < 40; n++) await write(log, `log-${n}`, `text ${n}`);
    for (let n = 0; n < 40; n++) await add(log, `log-${n}`, `text ${n}`.length, ' and more');
    expect(open() - before).toBeLessThanOrEqual(8);
    for (let n = 0; n < 40; n++) expect(await read(log, `log-${n}`)).toBe(`text ${n} and more`);
    for (let n = 0; n < 40; n++) await log.close(`log-${n}`, 1);
    await log[Symbol.asyncDispose]();
    await until(() => open() <= before);
  });
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
