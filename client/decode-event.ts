import { type Cursor, parseEventId } from '../src/protocol/position.ts';
import { DONE, type NamedEvents, type PlainEvent } from '../src/protocol/stream-events.ts';
import type { AnswerEvent } from './answer-event.ts';
import type { SseMessage } from './sse-parser.ts';
import { utf8Length } from './utf8-text.ts';

/** What came does not join what is held: bytes are missing or doubled. Reading again from the last good id mends it. */
export class GapError extends Error {
  constructor() {
    super('The stream does not continue where it was left.');
    this.name = 'GapError';
  }
}

/** Null: an event of no concern, such as a name that a newer server knows. */
export function decodeEvent(message: SseMessage, held: Cursor): AnswerEvent | null {
  if (message.data === DONE) return { type: 'end', receipt: null };
  const { event, data } = message;
  const told = message.id === null ? null : (parseEventId(message.id)?.cursor ?? null);
  switch (event) {
    case 'message': {
      const plain = JSON.parse(data) as PlainEvent;
      if (plain.done) {
        // An end at another length than ours is not our end.
        joined(told, held, held.at);
        return { type: 'end', receipt: plain.receipt };
      }
      const text = held.at.text + utf8Length(plain.token);
      return { type: 'text', token: plain.token, cursor: joined(told, held, { ...held.at, text }) };
    }
    case 'reasoning': {
      const { token } = JSON.parse(data) as NamedEvents['reasoning'];
      const reasoning = held.at.reasoning + utf8Length(token);
      return { type: 'reasoning', token, cursor: joined(told, held, { ...held.at, reasoning }) };
    }
    case 'waiting': {
      const { position, estimate_seconds } = JSON.parse(data) as NamedEvents['waiting'];
      return { type: 'waiting', position, estimateSeconds: estimate_seconds, cursor: joined(told, held, held.at) };
    }
    case 'start': {
      const { model } = JSON.parse(data) as NamedEvents['start'];
      return { type: 'start', model, cursor: joined(told, held, held.at) };
    }
    case 'restart':
      return { type: 'restart', cursor: { epoch: told?.epoch ?? held.epoch, at: { text: 0, reasoning: 0 } } };
    case 'rewind': {
      const { offset, reasoning } = JSON.parse(data) as NamedEvents['rewind'];
      if (offset > held.at.text || reasoning > held.at.reasoning) throw new GapError();
      return { type: 'rewind', cursor: { epoch: told?.epoch ?? held.epoch, at: { text: offset, reasoning } } };
    }
    case 'error': {
      const { code, message: words } = JSON.parse(data) as NamedEvents['error'];
      return { type: 'error', code, message: words, cursor: joined(told, held, held.at) };
    }
    default:
      return null;
  }
}

/** The cursor after an event that leaves us at `at`, if the server sees us there too. */
function joined(told: Cursor | null, held: Cursor, at: Cursor['at']): Cursor {
  if (told === null) return { epoch: held.epoch, at };
  if (told.at.text !== at.text || told.at.reasoning !== at.reasoning) throw new GapError();
  return told;
}
