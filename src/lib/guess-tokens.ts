/** Tokens of a text whose vocabulary is not at hand; seldom too few, whatever the script. */
export function guessTokens(text: string): number {
  let [latin, others] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) < 0x250) latin++;
    else others++;
  }
  return Math.ceil(latin / 3 + others);
}
