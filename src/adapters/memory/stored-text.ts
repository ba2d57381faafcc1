/** Text as PostgreSQL would keep it: no NUL, and no half of a surrogate pair. */
export function storedText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}
