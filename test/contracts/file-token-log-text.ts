const CHARACTERS = ['a', 'é', '中', '😀', ' ', 'z', '\n'];

/** The text that every writer of the test writes: it can be checked without being stored. */
export function characterAt(index: number): string {
  return CHARACTERS[(index * 5 + Math.floor(index / 11)) % CHARACTERS.length] as string;
}

export function textOf(characters: number): string {
  return Array.from({ length: characters }, (_, index) => characterAt(index)).join('');
}
