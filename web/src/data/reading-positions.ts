/** Where somebody was reading: a message, and how far its top stands below the upper edge, in pixels. */
export type ReadingPosition = { message: string; offset: number };

const KEY = 'chatterbot.positions';
const AT_MOST = 200;

function read(): Map<string, ReadingPosition> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as [string, ReadingPosition][]);
  } catch {
    return new Map();
  }
}

const positions = read();

export function readingPosition(number: number): ReadingPosition | null {
  return positions.get(String(number)) ?? null;
}

/** Null: at the end, where every conversation begins. */
export function keepReadingPosition(number: number, position: ReadingPosition | null): void {
  const key = String(number);
  positions.delete(key);
  if (position) positions.set(key, position);
  const oldest = positions.keys().next().value;
  if (positions.size > AT_MOST && oldest !== undefined) positions.delete(oldest);
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...positions]));
  } catch {
    // Storage may be forbidden; the place is kept until the page is left.
  }
}
