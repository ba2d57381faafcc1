import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSseParser, type SseMessage } from './sse-parser.ts';

function parse(chunks: readonly Uint8Array[]): SseMessage[] {
  const messages: SseMessage[] = [];
  const parser = createSseParser((message) => messages.push(message));
  for (const chunk of chunks) parser.push(chunk);
  return messages;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the event-stream parser', () => {
  it('knows ids, names, comments, several data lines and values without a space', () => {
    const text = ': hb\n\nretry: 1000\n\nid: 1-3\ndata: a\ndata:b\n\nevent: waiting\ndata: {}\n\nid\ndata: x\n\n';
    expect(parse([bytes(text)])).toEqual([
      { event: 'message', data: 'a\nb', id: '1-3' },
      { event: 'waiting', data: '{}', id: '1-3' },
      { event: 'message', data: 'x', id: '' },
    ]);
  });

  it('drops an event that is not finished, and an event without data', () => {
    expect(parse([bytes('event: start\nid: 4\n\ndata: half\n')])).toEqual([]);
  });

  it('ignores a byte order mark and an id with NUL', () => {
    expect(parse([bytes('\uFEFFid: a\0b\ndata: x\n\n')])).toEqual([{ event: 'message', data: 'x', id: null }]);
  });

  it('reads the same from any cut of the bytes and any line end', () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🦜', ' ', ':', '{') });
    const events = fc.array(fc.record({ id: fc.nat(), data: fc.array(line, { minLength: 1, maxLength: 3 }) }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(
        events,
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat({ max: 400 }), { maxLength: 30 }),
        (list, newline, cuts) => {
          const text = list
            .map(({ id, data }) => [`id: ${id}`, ...data.map((each) => `data: ${each}`), '', ''].join(newline))
            .join('');
          const all = bytes(text);
          const edges = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
          const chunks = edges.slice(1).map((edge, index) => all.slice(edges[index], edge));
          const expected = list.map(({ id, data }) => ({ event: 'message', data: data.join('\n'), id: String(id) }));
          expect(parse(chunks)).toEqual(expected);
        },
      ),
    );
  });
});
