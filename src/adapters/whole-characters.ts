import { isUtf8 } from 'node:buffer';

/** How many of these bytes are whole characters of UTF-8, up to the first that is not. */
export function wholeCharacters(bytes: Uint8Array): number {
  if (isUtf8(bytes)) return bytes.length;
  let sound = 0;
  let broken = bytes.length + 1;
  while (broken - sound > 1) {
    const middle = (sound + broken) >> 1;
    if (hasNoBrokenSequence(bytes.subarray(0, middle))) sound = middle;
    else broken = middle;
  }
  while (!isUtf8(bytes.subarray(0, sound))) sound--;
  return sound;
}

/** True also where the last character is only begun. */
function hasNoBrokenSequence(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
