import { ChatError } from '../protocol/errors.ts';
import { type Cursor, parseEventId, START } from '../protocol/position.ts';

/** A database that failed over may have forgotten the newest epochs that a reader has seen. */
const FORGETTABLE_EPOCHS = 8;

/** Where a reader stands that names this event. An empty id is none: a browser sends it so before its first event. */
export function readFrom(eventId: string, epoch: number): Cursor | 'end' {
  if (eventId === '') return START;
  const parsed = parseEventId(eventId);
  if (!parsed) throw new ChatError('event_id_invalid');
  if (parsed.end) return 'end';
  if (parsed.cursor.epoch > epoch + FORGETTABLE_EPOCHS) throw new ChatError('event_id_invalid');
  return parsed.cursor;
}
