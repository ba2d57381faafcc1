import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Append, AppendOutcome, Ending, Frame, OpenOutcome, TokenLog } from '../../src/ports/token-log.ts';
import { type Cursor, type Position, START } from '../../src/protocol/position.ts';
import { LogFollower } from './log-follower.ts';
import { until } from './until.ts';

export type TokenLogHarness = AsyncDisposable & {
  log: TokenLog;
  /** Resolves when every frame that was sent has been heard. */
  settle(): Promise<void>;
  /** The last bytes of the text were never stored, as after a failover. */
  loseTail?(id: string, bytes: number): Promise<void>;
  loseAll?(): Promise<void>;
  /** The log of a process that comes after the one that held `log` died, having torn this many bytes off the end. */
  crash?(id: string, torn?: Partial<Position>): Promise<TokenLog>;
};

export type TokenLogAdapter = {
  start(): Promise<TokenLogHarness>;
  faults: readonly ('loseTail' | 'loseAll' | 'crash')[];
};

const ENDING: Ending = {
  finishReason: 'stop',
  usage: { promptTokens: 10, reusedTokens: 2, completionTokens: 3 },
  model: 'tiny',
};
const GONE: AppendOutcome = { kind: 'refused', epoch: 0, at: START.at, closed: false };

export function tokenLogContract(name: string, adapter: TokenLogAdapter): void {
  describe(`token log: ${name}`, () => {
    let harness: TokenLogHarness;
    let log: TokenLog;
    let id: string;

    beforeEach(async () => {
      harness = await adapter.start();
      log = harness.log;
      id = randomUUID();
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    const opened = async (epoch: number, how?: Parameters<TokenLog['open']>[2]) =>
      contents(await log.open(id, epoch, how));
    const append = async (
      epoch: number,
      at: number | Position,
      text: string,
      more: { reasoning?: string; ending?: Ending } = {},
    ) => (await log.append([piece(id, epoch, at, text, more)]))[0];
    const read = async (cursor: Cursor = START, from: TokenLog = log) => {
      const { snapshot, detach } = await from.attach(id, cursor, () => {});
      detach();
      return snapshot && { ...snapshot, text: string(snapshot.text), reasoning: string(snapshot.reasoning) };
    };
    const follow = async () => {
      const follower = new LogFollower(log, id);
      await follower.attach();
      return follower;
    };
    const settled = async (...followers: LogFollower[]) => {
      await harness.settle();
      for (const follower of followers) await follower.idle();
    };

    describe('open', () => {
      it('begins an empty log', async () => {
        expect(await opened(1)).toEqual({ text: '', reasoning: '', epochs: [epochAt(1, 0)], ending: null });
      });

      it('returns what there is, and records that a later epoch begins at its end', async () => {
        await opened(1);
        await append(1, 0, 'Once ', { reasoning: 'hm' });
        expect(await opened(3)).toEqual({
          text: 'Once ',
          reasoning: 'hm',
          epochs: [epochAt(1, 0), { epoch: 3, at: { text: 5, reasoning: 2 } }],
          ending: null,
        });
      });

      it('is refused at an older epoch and at the same one', async () => {
        await opened(5);
        await append(5, 0, 'abc');
        const hows = [
          { kind: 'continue' },
          { kind: 'fresh' },
          { kind: 'restore', text: bytes('x'), reasoning: bytes(''), epochs: [epochAt(4, 0)] },
        ] as const;
        for (const how of hows) {
          expect(await log.open(id, 4, how)).toEqual({ kind: 'refused', epoch: 5 });
          expect(await log.open(id, 5, { ...how, ...(how.kind === 'restore' && { epochs: [epochAt(5, 0)] }) })).toEqual(
            {
              kind: 'refused',
              epoch: 5,
            },
          );
        }
        expect((await read())?.text).toBe('abc');
        expect(await append(5, 3, 'd')).toMatchObject({ kind: 'appended' });
      });

      it('lets exactly one of two openings of an epoch in', async () => {
        const outcomes = await Promise.all([log.open(id, 1), log.open(id, 1)]);
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['opened', 'refused']);
      });

      it('starts again with fresh: the text is dropped and readers go back to 0', async () => {
        await opened(1);
        await append(1, 0, 'wrong', { reasoning: 'thought' });
        const reader = await follow();
        expect(await opened(2, { kind: 'fresh' })).toEqual({
          text: '',
          reasoning: '',
          epochs: [epochAt(1, 0), epochAt(2, 0)],
          ending: null,
        });
        await append(2, 0, 'right');
        await settled(reader);
        expect(reader).toMatchObject({ text: 'right', reasoning: '', epoch: 2 });
        expect(await read({ epoch: 1, at: { text: 5, reasoning: 7 } })).toMatchObject({
          from: START.at,
          text: 'right',
        });
      });

      it('forgets the ending of a text that is dropped', async () => {
        await opened(1);
        await append(1, 0, 'all', { ending: ENDING });
        expect(await opened(2, { kind: 'fresh' })).toMatchObject({ ending: null });
        expect(await opened(3)).toMatchObject({ text: '', ending: null });
      });

      it('restores text, reasoning and epochs over an older epoch', async () => {
        await opened(1);
        await append(1, 0, 'old');
        const epochs = [epochAt(1, 0), epochAt(2, 2)];
        const how = { kind: 'restore', text: bytes('older'), reasoning: bytes('why'), epochs } as const;
        expect(await opened(2, how)).toEqual({ text: 'older', reasoning: 'why', epochs, ending: null });
        expect(await append(2, { text: 5, reasoning: 3 }, '!')).toMatchObject({ kind: 'appended' });
        expect(await read()).toMatchObject({ text: 'older!', reasoning: 'why', epoch: 2, epochs });
      });

      it('restores a log that is gone', async () => {
        await opened(2);
        await append(2, 0, 'abc');
        await log.remove(id);
        expect(await append(2, 3, 'd')).toEqual(GONE);
        await opened(2, { kind: 'restore', text: bytes('abc'), reasoning: bytes(''), epochs: [epochAt(2, 0)] });
        expect(await append(2, 3, 'd')).toMatchObject({ kind: 'appended' });
        expect(await read()).toMatchObject({ text: 'abcd' });
      });

      it('replaces a longer text by a shorter one that is restored', async () => {
        await opened(1);
        await append(1, 0, 'a longer text', { reasoning: 'and thought' });
        await opened(2, { kind: 'restore', text: bytes('a'), reasoning: bytes(''), epochs: [epochAt(2, 0)] });
        expect(await read()).toMatchObject({ text: 'a', reasoning: '' });
        expect(await append(2, 1, 'b')).toMatchObject({ kind: 'appended' });
        expect(await read()).toMatchObject({ text: 'ab', reasoning: '' });
      });

      it('opens a closed log again at a higher epoch only', async () => {
        await opened(1);
        await append(1, 0, 'ab');
        await log.close(id, 1);
        expect(await log.open(id, 1)).toEqual({ kind: 'refused', epoch: 1 });
        expect(await opened(2)).toMatchObject({ text: 'ab' });
        expect(await append(2, 2, 'c')).toMatchObject({ kind: 'appended' });
        expect(await read()).toMatchObject({ text: 'abc', closed: false, epoch: 2 });
      });

      it('tells followers', async () => {
        const reader = await follow();
        await opened(1);
        await append(1, 0, 'ab');
        await opened(2);
        await settled(reader);
        expect(reader.frames).toContainEqual({ kind: 'opened', epoch: 1, at: START.at });
        expect(reader.frames).toContainEqual({ kind: 'opened', epoch: 2, at: { text: 2, reasoning: 0 } });
        expect(reader).toMatchObject({ text: 'ab', epoch: 2 });
      });
    });

    describe('append', () => {
      it('is refused under a stale epoch, with the true one', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        await opened(2);
        expect(await append(1, 3, 'd')).toEqual({ kind: 'refused', epoch: 2, at: at(3), closed: false });
        expect(await read()).toMatchObject({ text: 'abc' });
      });

      it('is refused when retried, with the true position', async () => {
        await opened(1);
        expect(await append(1, 0, 'abc', { reasoning: 'r' })).toEqual({ kind: 'appended', followers: 0 });
        const refused = { kind: 'refused', epoch: 1, at: { text: 3, reasoning: 1 }, closed: false };
        expect(await append(1, 0, 'abc', { reasoning: 'r' })).toEqual(refused);
        expect(await read()).toMatchObject({ text: 'abc', reasoning: 'r' });
      });

      it('is refused where it would leave a hole in either channel', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        expect(await append(1, 4, 'x')).toMatchObject({ kind: 'refused', at: at(3) });
        expect(await append(1, { text: 3, reasoning: 1 }, 'x')).toMatchObject({ kind: 'refused', at: at(3) });
      });

      it('is refused where there is no log, and under an epoch that never opened', async () => {
        expect(await append(1, 0, 'a')).toEqual(GONE);
        await opened(1);
        expect(await append(2, 0, 'a')).toEqual({ kind: 'refused', epoch: 1, at: START.at, closed: false });
      });

      it('is refused after the close', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        await log.close(id, 1);
        expect(await append(1, 3, 'd')).toEqual({ kind: 'refused', epoch: 1, at: at(3), closed: true });
        expect(await read()).toMatchObject({ text: 'abc', closed: true });
      });

      it('answers a batch in order, each for itself', async () => {
        const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
        await log.open(a, 1);
        await log.open(b, 7);
        const outcomes = await log.append([
          piece(a, 1, 0, 'one'),
          piece(b, 6, 0, 'stale'),
          piece(c, 1, 0, 'none'),
          piece(a, 1, 3, ' two'),
          piece(a, 1, 3, ' two'),
          piece(b, 7, 0, 'new'),
        ]);
        expect(outcomes).toEqual([
          { kind: 'appended', followers: 0 },
          { kind: 'refused', epoch: 7, at: START.at, closed: false },
          GONE,
          { kind: 'appended', followers: 0 },
          { kind: 'refused', epoch: 1, at: at(7), closed: false },
          { kind: 'appended', followers: 0 },
        ] satisfies AppendOutcome[]);
        expect(await log.append([])).toEqual([]);
        id = a;
        expect(await read()).toMatchObject({ text: 'one two' });
      });

      it('keeps the channels apart', async () => {
        await opened(1);
        const reader = await follow();
        await append(1, 0, '', { reasoning: 'Let me ' });
        await append(1, { text: 0, reasoning: 7 }, 'It is', { reasoning: 'see.' });
        await append(1, { text: 5, reasoning: 11 }, ' so.');
        await settled(reader);
        expect(reader).toMatchObject({ text: 'It is so.', reasoning: 'Let me see.' });
        expect(await read({ epoch: 1, at: { text: 2, reasoning: 4 } })).toMatchObject({
          from: { text: 2, reasoning: 4 },
          text: ' is so.',
          reasoning: 'me see.',
        });
      });

      it('keeps the ending with the last bytes for whoever opens next, until another byte follows', async () => {
        await opened(1);
        await append(1, 0, 'The end', { ending: ENDING });
        expect(await opened(2)).toMatchObject({ text: 'The end', ending: ENDING });
        expect(await opened(3)).toMatchObject({ ending: ENDING });
        await append(3, 7, '?');
        expect(await opened(4)).toMatchObject({ text: 'The end?', ending: null });
        expect(await append(4, 8, '', { ending: { ...ENDING, finishReason: 'length' } })).toMatchObject({
          kind: 'appended',
        });
        await log.close(id, 4);
        expect(await opened(5)).toMatchObject({ ending: { ...ENDING, finishReason: 'length' } });
      });

      it('keeps its own copy of the bytes', async () => {
        const own = { text: Buffer.from('abc'), reasoning: Buffer.from('def') };
        await opened(1, { kind: 'restore', ...own, epochs: [epochAt(1, 0)] });
        own.text.fill('!');
        own.reasoning.fill('!');
        const more = Buffer.from('ghi');
        await log.append([{ ...piece(id, 1, { text: 3, reasoning: 3 }, ''), text: more }]);
        more.fill('!');
        expect(await read()).toMatchObject({ text: 'abcghi', reasoning: 'def' });
      });

      it('says how many follow', async () => {
        await opened(1);
        const readers = await Promise.all([follow(), follow(), follow()]);
        expect(await append(1, 0, 'a')).toEqual({ kind: 'appended', followers: 3 });
        await harness.settle();
        readers[0]?.leave();
        await harness.settle();
        expect(await append(1, 1, 'b')).toEqual({ kind: 'appended', followers: 2 });
        await settled(...readers);
        expect(readers.map(({ text }) => text)).toEqual(['a', 'ab', 'ab']);
      });
    });

    describe('attach', () => {
      const pieces = ['a', 'β', '中文', '😀', ' and ', 'plain'];
      const whole = pieces.join('');

      it.each([...pieces.keys(), pieces.length])(
        'neither loses nor doubles a byte when it comes after %i appends',
        async (k) => {
          await opened(1);
          let end = 0;
          const next = async (text: string) => {
            const outcome = await append(1, end, text);
            expect(outcome?.kind).toBe('appended');
            end += bytes(text).length;
          };
          for (const text of pieces.slice(0, k)) await next(text);
          const reader = await follow();
          for (const text of pieces.slice(k)) await next(text);
          await log.close(id, 1);
          await settled(reader);
          expect(reader).toMatchObject({ text: whole, ended: true, attached: 1 });
        },
      );

      it('neither loses nor doubles a byte when it comes during appends', async () => {
        await opened(1);
        const readers = pieces.map(() => new LogFollower(log, id));
        const steps: Promise<unknown>[] = [];
        let end = 0;
        for (const [k, text] of pieces.entries()) {
          const reader = readers[k];
          const sent = log.append([piece(id, 1, end, text)]);
          if (reader) steps.push(reader.attach());
          expect((await sent)[0]?.kind).toBe('appended');
          end += bytes(text).length;
        }
        await Promise.all(steps);
        await log.close(id, 1);
        await settled(...readers);
        for (const reader of readers) expect(reader).toMatchObject({ text: whole, ended: true });
      });

      it.each([0, 1, 2, 3, 5, 8])(
        'leaves no gap between what it returns and what it hears: %i turns apart',
        async (turns) => {
          await opened(1);
          await append(1, 0, 'before ');
          const frames: Frame[] = [];
          const attaching = log.attach(id, START, (frame) => frames.push(frame));
          for (let turn = 0; turn < turns; turn++) await null;
          await append(1, 7, 'while ');
          const { snapshot } = await attaching;
          await append(1, 13, 'after');
          await harness.settle();
          let text = string(snapshot?.text ?? bytes(''));
          for (const frame of frames) {
            if (frame.kind !== 'bytes' || frame.at.text < text.length) continue;
            expect(frame.at.text).toBe(text.length);
            text += string(frame.text);
          }
          expect(text).toBe('before while after');
        },
      );

      it('hears of a log that comes later', async () => {
        const reader = await follow();
        expect(await read()).toBeNull();
        await opened(1);
        await append(1, 0, 'there');
        await settled(reader);
        expect(reader).toMatchObject({ text: 'there', epoch: 1 });
      });

      it('resumes from any position of its own epoch', async () => {
        await opened(1);
        await append(1, 0, 'abcdef');
        for (const n of [0, 1, 5, 6]) {
          expect(await read({ epoch: 1, at: at(n) })).toMatchObject({ from: at(n), text: 'abcdef'.slice(n) });
        }
      });

      it('leaves a reader that is past the end, or of a newer epoch, where it is, without bytes', async () => {
        await opened(3);
        await append(3, 0, 'abc');
        expect(await read({ epoch: 3, at: at(9) })).toMatchObject({ epoch: 3, from: at(9), text: '' });
        expect(await read({ epoch: 8, at: at(1) })).toMatchObject({ epoch: 3, from: at(1), text: '' });
      });

      it('takes a reader of an old epoch back to the smallest start of all later ones', async () => {
        await opened(1);
        await append(1, 0, 'abcdef');
        await opened(2, {
          kind: 'restore',
          text: bytes('ab'),
          reasoning: bytes(''),
          epochs: [epochAt(1, 0), epochAt(2, 2)],
        });
        await append(2, 2, 'XYZ');
        await opened(3);
        await append(3, 5, '!');
        expect(await read({ epoch: 1, at: at(6) })).toMatchObject({ epoch: 3, from: at(2), text: 'XYZ!' });
        expect(await read({ epoch: 1, at: at(1) })).toMatchObject({ from: at(1), text: 'bXYZ!' });
        expect(await read({ epoch: 2, at: at(5) })).toMatchObject({ from: at(5), text: '!' });
      });

      it('takes a reader whose epoch the log never saw back to the beginning', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        await opened(3);
        expect(await read({ epoch: 2, at: at(3) })).toMatchObject({ epoch: 3, from: START.at, text: 'abc' });
      });

      it('hears nothing once it is detached', async () => {
        await opened(1);
        const frames: Frame[] = [];
        const { detach } = await log.attach(id, START, (frame) => frames.push(frame));
        detach();
        detach();
        await append(1, 0, 'a');
        await log.remove(id);
        await harness.settle();
        expect(frames).toEqual([]);
      });

      it('serves 200 followers the same bytes', async () => {
        await opened(1);
        const readers = await Promise.all(Array.from({ length: 200 }, follow));
        let end = 0;
        for (let k = 0; k < 20; k++) {
          const text = `${k}·`;
          await append(1, end, text);
          end += bytes(text).length;
        }
        await log.close(id, 1);
        await settled(...readers);
        const expected = Array.from({ length: 20 }, (_, k) => `${k}·`).join('');
        for (const reader of readers) expect(reader).toMatchObject({ text: expected, ended: true });
        expect(await log.stats()).toMatchObject({ followers: 200 });
        for (const reader of readers) reader.leave();
        await until(async () => (await log.stats()).followers === 0);
      });

      it('keeps a follower that throws from harming the writer and the others', async () => {
        await opened(1);
        const warnings: Error[] = [];
        const warned = (warning: Error) => warnings.push(warning);
        process.on('warning', warned);
        await log.attach(id, START, () => {
          throw new Error('a broken follower');
        });
        const reader = await follow();
        expect(await append(1, 0, 'a')).toEqual({ kind: 'appended', followers: 2 });
        await settled(reader);
        expect(reader.text).toBe('a');
        await until(() => warnings.some(({ cause }) => (cause as Error | undefined)?.message === 'a broken follower'));
        process.off('warning', warned);
      });
    });

    describe('close and remove', () => {
      it('ends readers that have it all', async () => {
        await opened(1);
        const reader = await follow();
        await append(1, 0, 'abc');
        await log.close(id, 1);
        await log.close(id, 1);
        await settled(reader);
        expect(reader).toMatchObject({ text: 'abc', ended: true });
        expect(reader.frames).toContainEqual({ kind: 'closed', epoch: 1, length: at(3) });
        expect(await read({ epoch: 1, at: at(3) })).toMatchObject({ closed: true, text: '', from: at(3) });
      });

      it('ignores an older epoch', async () => {
        await opened(1);
        await opened(2);
        await log.close(id, 1);
        expect(await read()).toMatchObject({ closed: false });
        expect(await append(2, 0, 'a')).toMatchObject({ kind: 'appended' });
      });

      it('removes a text that the closing epoch never wrote to', async () => {
        await opened(1);
        await append(1, 0, 'not the answer');
        const reader = await follow();
        await log.close(id, 2);
        await settled(reader);
        expect(reader.ended).toBe(false);
        expect(reader.frames).toContainEqual({ kind: 'gap' });
        expect(await read()).toBeNull();
      });

      it('tells followers of a log that is gone to look elsewhere', async () => {
        const frames: Frame[] = [];
        await log.attach(id, START, (frame) => frames.push(frame));
        await log.close(id, 1);
        await harness.settle();
        expect(frames).toEqual([{ kind: 'gap' }]);
        expect(await read()).toBeNull();
      });

      it('forgets what is removed and tells followers of the gap', async () => {
        await opened(4);
        await append(4, 0, 'abc', { reasoning: 'r', ending: ENDING });
        const reader = await follow();
        await log.remove(id);
        await settled(reader);
        expect(reader.frames).toContainEqual({ kind: 'gap' });
        expect(await read()).toBeNull();
        expect(await append(4, 3, 'd')).toEqual(GONE);
        await log.remove(id);
        expect(await opened(1)).toEqual({ text: '', reasoning: '', epochs: [epochAt(1, 0)], ending: null });
      });

      it('counts open logs and bytes', async () => {
        const before = await log.stats();
        await opened(1);
        await append(1, 0, 'abc', { reasoning: 'de' });
        expect(await log.stats()).toEqual({ logs: before.logs + 1, followers: 0, bytes: before.bytes + 5 });
        await log.close(id, 1);
        expect((await log.stats()).logs).toBe(before.logs);
        await log.remove(id);
        expect(await log.stats()).toEqual(before);
      });
    });

    describe.runIf(adapter.faults.includes('loseTail'))('after the loss of a tail', () => {
      it('takes the same bytes again at the same place, and readers see each once', async () => {
        await opened(1);
        await append(1, 0, 'abcdef');
        const reader = await follow();
        await harness.loseTail?.(id, 4);
        expect(await append(1, 6, 'g')).toEqual({ kind: 'refused', epoch: 1, at: at(2), closed: false });
        expect(await append(1, 2, 'cdefg')).toMatchObject({ kind: 'appended' });
        await settled(reader);
        expect(reader).toMatchObject({ text: 'abcdefg', attached: 1 });
      });

      it('takes readers back to where a new epoch replaced what they saw', async () => {
        await opened(1);
        await append(1, 0, 'abcdef', { ending: ENDING });
        const reader = await follow();
        await harness.loseTail?.(id, 4);
        expect(await opened(2)).toMatchObject({ text: 'ab', ending: null });
        await append(2, 2, 'XY');
        await log.close(id, 2);
        await settled(reader);
        expect(reader).toMatchObject({ text: 'abXY', ended: true });
      });

      it('does not end a reader at a close that the log lost', async () => {
        await opened(1);
        await append(1, 0, 'abcdef');
        await log.close(id, 1);
        await harness.loseTail?.(id, 2);
        expect(await read()).toMatchObject({ text: 'abcd', closed: false });
      });
    });

    describe.runIf(adapter.faults.includes('loseAll'))('after the loss of everything', () => {
      it('is put back by its owner, and readers go on', async () => {
        const { epochs } = await opened(2);
        await append(2, 0, 'abc', { reasoning: 'why' });
        const reader = await follow();
        await harness.loseAll?.();
        expect(await append(2, { text: 3, reasoning: 3 }, 'd')).toEqual(GONE);
        await opened(2, { kind: 'restore', text: bytes('abc'), reasoning: bytes('why'), epochs });
        await append(2, { text: 3, reasoning: 3 }, 'd');
        await settled(reader);
        expect(reader).toMatchObject({ text: 'abcd', reasoning: 'why' });
        expect(await read()).toMatchObject({ text: 'abcd', reasoning: 'why', epoch: 2 });
      });

      it('is begun anew by another owner, and readers start again', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        const reader = await follow();
        await harness.loseAll?.();
        await opened(2);
        await append(2, 0, 'xy');
        await settled(reader);
        expect(reader).toMatchObject({ text: 'xy', epoch: 2 });
      });
    });

    describe.runIf(adapter.faults.includes('crash'))('after the death of its process', () => {
      const crash = async (torn?: Partial<Position>) => {
        const next = await harness.crash?.(id, torn);
        if (next) log = next;
      };

      it('is all there', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        await opened(2);
        await append(2, 3, 'dé', { reasoning: 'why', ending: ENDING });
        await crash();
        const expected = {
          text: 'abcdé',
          reasoning: 'why',
          epoch: 2,
          epochs: [epochAt(1, 0), epochAt(2, 3)],
          closed: false,
        };
        expect(await read()).toMatchObject(expected);
        expect(await append(1, 0, 'x')).toMatchObject({ kind: 'refused', epoch: 2 });
        expect(await log.open(id, 2)).toEqual({ kind: 'refused', epoch: 2 });
        expect(await opened(3)).toMatchObject({ text: 'abcdé', ending: ENDING });
      });

      it('stays closed, and removed', async () => {
        const gone = randomUUID();
        await opened(1);
        await append(1, 0, 'abc');
        await log.close(id, 1);
        await log.open(gone, 1);
        await log.append([piece(gone, 1, 0, 'x')]);
        await log.remove(gone);
        await crash();
        expect(await read()).toMatchObject({ text: 'abc', closed: true });
        id = gone;
        expect(await read()).toBeNull();
      });

      it.each(['a中', 'a😀', 'aé'])('is cut back to whole characters: %s', async (text) => {
        await opened(1);
        await append(1, 0, text, { reasoning: 'ß', ending: ENDING });
        await crash({ text: 1, reasoning: 1 });
        expect(await read()).toMatchObject({ text: 'a', reasoning: '' });
        expect(await opened(2)).toMatchObject({ text: 'a', reasoning: '', ending: null });
        expect(await append(2, 1, text)).toMatchObject({ kind: 'appended' });
        await crash();
        expect(await read()).toMatchObject({ text: `a${text}` });
      });

      it('never takes a torn answer for a finished one, not even when another grows to its length', async () => {
        await opened(1);
        await append(1, 0, 'abc');
        await append(1, 3, 'def', { ending: ENDING });
        await crash({ text: 2 });
        expect(await opened(2)).toMatchObject({ text: 'abcd', ending: null });
        await append(2, 4, 'XY');
        await crash();
        expect(await opened(3)).toMatchObject({ text: 'abcdXY', ending: null });
      });

      it('keeps the ending where bytes came after one, with another', async () => {
        await opened(1);
        await append(1, 0, '', { ending: ENDING });
        await append(1, 0, 'abc', { ending: ENDING });
        await crash();
        expect(await opened(2)).toMatchObject({ text: 'abc', ending: ENDING });
      });

      it('keeps a fresh start and a restored text', async () => {
        await opened(1);
        await append(1, 0, 'first try', { reasoning: 'thought' });
        await opened(2, { kind: 'fresh' });
        await append(2, 0, 'second');
        await crash();
        expect(await read()).toMatchObject({ text: 'second', reasoning: '', epoch: 2 });
        const epochs = [epochAt(1, 0), epochAt(3, 0)];
        await opened(3, { kind: 'restore', text: bytes('re'), reasoning: bytes('w'), epochs });
        await crash();
        expect(await read()).toMatchObject({ text: 're', reasoning: 'w', epoch: 3, epochs });
      });
    });
  });
}

function piece(
  id: string,
  epoch: number,
  where: number | Position,
  text: string,
  { reasoning = '', ending }: { reasoning?: string; ending?: Ending } = {},
): Append {
  const position = typeof where === 'number' ? at(where) : where;
  return { id, epoch, at: position, text: bytes(text), reasoning: bytes(reasoning), ...(ending && { ending }) };
}

function contents(outcome: OpenOutcome) {
  if (outcome.kind === 'refused') throw new Error(`refused by epoch ${outcome.epoch}`);
  const { text, reasoning, epochs, ending } = outcome;
  return { text: string(text), reasoning: string(reasoning), epochs, ending };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const string = (text: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(text);
const at = (text: number): Position => ({ text, reasoning: 0 });
const epochAt = (epoch: number, text: number) => ({ epoch, at: at(text) });
