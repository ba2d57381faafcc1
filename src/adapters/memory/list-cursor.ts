import { ChatError } from '../../protocol/errors.ts';

/** Where a conversation stands in a list by newest activity; the number settles equal times. */
export type ListPlace = { updatedAt: number; number: number };

export function newestFirst(a: ListPlace, b: ListPlace): number {
  return b.updatedAt - a.updatedAt || b.number - a.number;
}

/** Comes after `place` in the list. */
export function isPast(row: ListPlace, place: ListPlace): boolean {
  return newestFirst(place, row) < 0;
}

export function formatCursor(place: ListPlace): string {
  return `${place.updatedAt}.${place.number}`;
}

export function parseCursor(cursor: string): ListPlace {
  const match = /^(\d{1,16})\.(\d{1,10})$/.exec(cursor);
  if (!match) throw new ChatError('invalid_request', { details: { after: 'the `next` of the page before' } });
  return { updatedAt: Number(match[1]), number: Number(match[2]) };
}
