import { describe, expect, it, vi } from 'vitest';
import { SystemClock } from './clock.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('ids', () => {
  it('are UUIDv7 of now, each greater than the one before', () => {
    const clock = new SystemClock();
    const before = Date.now();
    const ids = Array.from({ length: 20_000 }, () => clock.newId());
    for (const id of ids) expect(id).toMatch(UUID_V7);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Number.parseInt(ids[0]!.replaceAll('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
  });

  it('go on growing where the machine sets its clock back', () => {
    const clock = new SystemClock();
    const first = clock.newId();
    const now = vi.spyOn(Date, 'now').mockReturnValue(1);
    const second = clock.newId();
    now.mockRestore();
    expect(second > first).toBe(true);
  });
});

describe('sleep', () => {
  it('ends with its time, and with its signal', async () => {
    const clock = new SystemClock();
    await clock.sleep(1);
    const reason = new Error('enough');
    await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});

it('draws from [0, 1)', () => {
  const clock = new SystemClock();
  const drawn = Array.from({ length: 1000 }, () => clock.random());
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  expect(new Set(drawn).size).toBeGreaterThan(990);
});
