import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cursor,
  commonPosition,
  type EpochStart,
  formatEventId,
  parseEventId,
  START,
} from '../../src/protocol/position.ts';

const at = (text: number, reasoning = 0) => ({ text, reasoning });
const bytesOf = (max: number) => fc.record({ text: fc.nat(max), reasoning: fc.nat(max) });

describe('event ids', () => {
  it.each([
    [START, false, '0-0'],
    [{ epoch: 3, at: at(120) }, false, '3-120'],
    [{ epoch: 3, at: at(120, 45) }, false, '3-120.45'],
    [{ epoch: 12, at: at(0, 7) }, true, '12-0.7-end'],
  ] as const)('writes %o as it is documented', (cursor, end, id) => {
    expect(formatEventId(cursor, end)).toBe(id);
    expect(parseEventId(id)).toEqual({ cursor, end });
  });

  it('reads back whatever it writes', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), bytesOf(2 ** 31 - 1), fc.boolean(), (epoch, position, end) => {
        const cursor = { epoch, at: position };
        expect(parseEventId(formatEventId(cursor, end))).toEqual({ cursor, end });
      }),
    );
  });

  it.each([
    '',
    '1',
    '1-',
    '-1',
    '1-2-',
    '1-2.',
    '1-2.-end',
    '1-2-END',
    ' 1-2',
    '1-2\n',
    '1.5-2',
    '1-2-end-end',
    '1e3-2',
    '٣-2',
    '1234567890-1',
  ])('refuses %j', (id) => {
    expect(parseEventId(id)).toBeNull();
  });
});

describe('the common position of a reader and an answer', () => {
  const epochs: readonly EpochStart[] = [
    { epoch: 1, at: at(0) },
    { epoch: 3, at: at(100, 20) },
    { epoch: 4, at: at(60, 30) },
  ];
  const common = (cursor: Cursor) => commonPosition(cursor, epochs);

  it('is the reader itself in the newest epoch, or before every later start', () => {
    expect(common({ epoch: 4, at: at(500, 90) })).toEqual(at(500, 90));
    expect(common({ epoch: 1, at: at(60, 20) })).toEqual(at(60, 20));
  });

  it('is the smallest start of all later epochs, per channel', () => {
    expect(common({ epoch: 1, at: at(100, 25) })).toEqual(at(60, 20));
    expect(common({ epoch: 3, at: at(100, 25) })).toEqual(at(60, 25));
  });

  it('is the beginning for a reader of an epoch that is not known, once a later one began', () => {
    expect(common({ epoch: 2, at: at(50, 5) })).toEqual(at(0));
    expect(common({ epoch: 0, at: at(50, 5) })).toEqual(at(0));
    expect(common({ epoch: 9, at: at(50, 5) })).toEqual(at(50, 5));
    expect(commonPosition({ epoch: 2, at: at(50) }, [])).toEqual(at(50));
  });

  it('is never past the reader, nor past the start of a later epoch', () => {
    const someEpochs = fc
      .uniqueArray(fc.record({ epoch: fc.integer({ min: 1, max: 20 }), at: bytesOf(50) }), {
        selector: ({ epoch }) => epoch,
      })
      .map((starts) => starts.toSorted((a, b) => a.epoch - b.epoch));
    fc.assert(
      fc.property(someEpochs, fc.nat(20), bytesOf(60), (starts, epoch, position) => {
        const result = commonPosition({ epoch, at: position }, starts);
        for (const channel of ['text', 'reasoning'] as const) {
          expect(result[channel]).toBeLessThanOrEqual(position[channel]);
          for (const start of starts) {
            if (start.epoch > epoch) expect(result[channel]).toBeLessThanOrEqual(start.at[channel]);
          }
        }
      }),
    );
  });
});
