import { expect, test } from 'vitest';
import { formatBytes, formatDuration } from '../../src/lib/format-units.ts';
import { progressBar } from '../../src/lib/progress-bar.ts';

function run(isTTY: boolean) {
  let text = '';
  let time = 0;
  const screen = { isTTY, columns: 100, write: (piece: string) => (text += piece) };
  const bar = progressBar('Model', screen, () => time);
  // A resumed download: half of it is there at the start and says nothing about the rate.
  for (const bytes of [50e6, 55e6, 60e6, 100e6]) {
    bar.update({ bytes, total: 100e6 });
    time += 1000;
  }
  bar.end();
  return text;
}

test('a terminal gets one line, redrawn, with size, rate and time left', () => {
  const text = run(true);
  expect(text).toContain('55 %  55.0 MB of 100 MB, 5.0 MB/s, 9 s left');
  expect(text.match(/\n/g)).toHaveLength(1);
  expect(text.endsWith('\r\x1b[KModel: done (100 MB, 4 s)\n')).toBe(true);
});

test('a file gets a line now and then, without control characters', () => {
  expect(run(false)).toBe('Model: 50.0 MB of 100 MB\nModel: done (100 MB, 4 s)\n');
});

test('a line never exceeds the terminal', () => {
  let text = '';
  const bar = progressBar(
    'A long label of a step',
    { isTTY: true, columns: 30, write: (piece) => (text += piece) },
    () => 0,
  );
  bar.update({ bytes: 1, total: 2 });
  expect(text.replace('\r\x1b[K', '').length).toBeLessThan(30);
});

test('units', () => {
  expect([0, 999, 1000, 999_600, 98_362_432, 4e12].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 MB',
    '98.4 MB',
    '4.0 TB',
  ]);
  expect([0, 1500, 42_000, 185_000, 3_720_000].map(formatDuration)).toEqual([
    '0 s',
    '1.5 s',
    '42 s',
    '3 min 5 s',
    '1 h 2 min',
  ]);
});
