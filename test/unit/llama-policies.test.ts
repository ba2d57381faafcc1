import { describe, expect, it } from 'vitest';
import { MAX_TOKENS, PrefillPace, shareTokens } from '../../src/adapters/llama/prefill-pace.ts';
import { type Candidate, chooseSequence } from '../../src/adapters/llama/sequence-choice.ts';

describe('chooseSequence', () => {
  const empty: Candidate = { affinity: null, cached: 0, shared: 0, usedAt: 0 };

  it('prefers the conversation’s own memory', () => {
    const own = { affinity: 'a', cached: 1000, shared: 30, usedAt: 1 };
    expect(chooseSequence([empty, own], 100, 'a')).toBe(1);
  });

  it('takes the longest common beginning among those worth it', () => {
    const short = { affinity: 'x', cached: 60, shared: 50, usedAt: 1 };
    const long = { affinity: 'y', cached: 90, shared: 80, usedAt: 2 };
    expect(chooseSequence([short, long, empty], 100, 'a')).toBe(1);
  });

  it('does not throw away a long conversation for a short common beginning', () => {
    const other = { affinity: 'x', cached: 1000, shared: 20, usedAt: 9 };
    expect(chooseSequence([other, empty], 300, 'a')).toBe(1);
  });

  it('else takes the one unused for longest', () => {
    const candidates = [7, 3, 5].map((usedAt) => ({ affinity: 'x', cached: 100, shared: 0, usedAt }));
    expect(chooseSequence(candidates, 100, 'a')).toBe(1);
  });
});

describe('PrefillPace', () => {
  const threads = { few: 1, all: 2 };
  const quiet = { neighbours: 0, idleCores: 2, now: 0 };

  it('sizes a step by the measured rate, within bounds', () => {
    const pace = new PrefillPace(threads, 400);
    expect(pace.next(quiet).tokens).toBe(48);
    for (let i = 0; i < 50; i++) pace.measured({ threads: 1, tokens: 64, ms: 6400, now: 0 });
    expect(pace.next({ ...quiet, neighbours: 1 }).tokens).toBe(16);
    for (let i = 0; i < 50; i++) pace.measured({ threads: 1, tokens: 64, ms: 1, now: 0 });
    expect(pace.next({ ...quiet, neighbours: 1 }).tokens).toBe(MAX_TOKENS);
  });

  it('uses all cores only while they are idle and nobody waits for a token', () => {
    const pace = new PrefillPace(threads, 400);
    expect(pace.next(quiet).threads).toBe(2);
    expect(pace.next({ ...quiet, idleCores: 1.5 }).threads).toBe(1);
    expect(pace.next({ ...quiet, neighbours: 1 }).threads).toBe(1);
  });

  it('leaves them alone for a while after they made it slower', () => {
    const pace = new PrefillPace(threads, 400);
    pace.measured({ threads: 2, tokens: 48, ms: 2000, now: 1000 });
    expect(pace.next({ ...quiet, now: 2000 }).threads).toBe(1);
    expect(pace.next({ ...quiet, now: 100_000 }).threads).toBe(2);
  });
});

describe('shareTokens', () => {
  it('reads short rests first, and always some of the oldest', () => {
    expect(shareTokens([1000, 30, 20], 64)).toEqual([16, 28, 20]);
    expect(shareTokens([1000, 10], 64)).toEqual([54, 10]);
    expect(shareTokens([100, 100, 100], 64)).toEqual([64, 0, 0]);
    expect(shareTokens([5, 5], 64)).toEqual([5, 5]);
    expect(shareTokens([], 64)).toEqual([]);
  });
});
