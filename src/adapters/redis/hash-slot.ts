/** Redis Cluster's hash slots: CRC-16 (XMODEM) of the key, or of what its first braces hold. */
export const SLOTS = 16_384;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** Of a key in ASCII. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? slotOfTag(key, open + 1, close) : slotOfTag(key, 0, key.length);
}

/** Of what would stand between a key's braces. */
export function slotOfTag(text: string, from = 0, to = text.length): number {
  let crc = 0;
  for (let n = from; n < to; n++) crc = ((crc << 8) ^ TABLE[((crc >> 8) ^ text.charCodeAt(n)) & 0xff]!) & 0xffff;
  return crc % SLOTS;
}

const tags = new Map<number, string>();
let tried = 0;

/** A short tag whose slot is this one, the same in every process. */
export function tagOfSlot(slot: number): string {
  for (;;) {
    const known = tags.get(slot);
    if (known !== undefined) return known;
    const tag = (tried++).toString(36);
    const its = slotOfTag(tag);
    if (!tags.has(its)) tags.set(its, tag);
  }
}
