import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinReasoning, ReasoningSplitter, type Split } from '../../src/adapters/llama/reasoning-splitter.ts';
import { TokenText } from '../../src/adapters/llama/token-text.ts';

const NOTHING: Split = { text: '', reasoning: '' };

function split(pieces: readonly string[], prefix = NOTHING, promptOpens = false): Split {
  const splitter = new ReasoningSplitter(prefix, promptOpens);
  const out = { ...NOTHING };
  for (const part of [...pieces.map((piece) => splitter.push(piece)), splitter.flush()]) {
    out.text += part.text;
    out.reasoning += part.reasoning;
  }
  return out;
}

describe('ReasoningSplitter', () => {
  const output = '<think>\nFirst <b>this</b>,\n\nthen that.\n</think>\n\nThe answer < 3.\n';
  const wanted = { reasoning: 'First <b>this</b>,\n\nthen that.', text: 'The answer < 3.\n' };

  it('parts reasoning from answer, wherever the output is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: output.length }), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), output.length];
        const pieces = places.slice(1).map((end, index) => output.slice(places[index]!, end));
        expect(split(pieces)).toEqual(wanted);
      }),
    );
  });

  it('leaves an answer without reasoning as it is', () => {
    for (const answer of ['plain', '  spaced', '<thin air', 'a <think> later', '<']) {
      expect(split([...answer])).toEqual({ text: answer, reasoning: '' });
    }
  });

  it('takes what the prompt has opened for reasoning', () => {
    expect(split(['\nhm\n</think>\nyes'], NOTHING, true)).toEqual({ reasoning: 'hm', text: 'yes' });
  });

  it('goes on in the channel that the prefix ended in', () => {
    expect(split([' more</think> done'], { text: '', reasoning: 'some' })).toEqual({
      reasoning: ' more',
      text: 'done',
    });
    expect(split([' <think> more'], { text: 'some', reasoning: 'x' })).toEqual({
      reasoning: '',
      text: ' <think> more',
    });
  });

  it('keeps reasoning that never ended', () => {
    expect(split(['<think>on and on </thi'])).toEqual({ reasoning: 'on and on </thi', text: '' });
  });

  it('joins a prefix to what the splitter would part again', () => {
    for (const promptOpens of [false, true]) {
      const parts = joinReasoning(wanted, promptOpens).map((part) => ('mark' in part ? part.mark : part.text));
      expect(split(parts, NOTHING, promptOpens)).toEqual(wanted);
    }
    expect(joinReasoning(NOTHING, false)).toEqual([]);
    expect(joinReasoning({ text: 'a', reasoning: '' }, false)).toEqual([{ text: 'a' }]);
  });
});

describe('TokenText', () => {
  /** Tokens are bytes. */
  const bytes = (tokens: readonly number[]) => Buffer.from(tokens).toString('utf8');

  it('gives whole characters only, and all of them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        const characters = new TokenText(bytes, []);
        const pieces = [...Buffer.from(text)].map((byte) => characters.push(byte));
        pieces.push(characters.flush());
        for (const piece of pieces) expect(piece).not.toContain('\ufffd');
        expect(pieces.join('')).toBe(text);
      }),
    );
  });

  it('drops half a character at the end', () => {
    const characters = new TokenText(bytes, []);
    expect(characters.push(0xe6)).toBe('');
    expect(characters.push(0xb5)).toBe('');
    expect(characters.flush()).toBe('');
  });

  it('does not wait for ever for bytes that are no text', () => {
    const characters = new TokenText(bytes, []);
    const given = [0xff, 0xff, 0xff, 0xff].map((byte) => characters.push(byte)).join('');
    expect(given).not.toBe('');
    expect(characters.push(0x61)).toBe('a');
  });
});
