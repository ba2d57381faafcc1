import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

const CIPHER = 'aes-256-gcm';
const [KEY_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 12, 16];
/** Bounds what a damaged one can unfold to. */
const MAX_BYTES = 64 * 1024 * 1024;

export const newSealKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** Compressed, and readable only by who has the key: without it nothing is left of the text. */
export function seal(key: Uint8Array, text: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  const body = [cipher.update(zstdCompressSync(text)), cipher.final()];
  return Buffer.concat([nonce, cipher.getAuthTag(), ...body]);
}

/** Null: sealed by another key, or damaged. */
export function unseal(key: Uint8Array, sealed: Uint8Array): string | null {
  const bodyAt = NONCE_BYTES + TAG_BYTES;
  try {
    const cipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    cipher.setAuthTag(sealed.subarray(NONCE_BYTES, bodyAt));
    const body = Buffer.concat([cipher.update(sealed.subarray(bodyAt)), cipher.final()]);
    return zstdDecompressSync(body, { maxOutputLength: MAX_BYTES }).toString();
  } catch {
    return null;
  }
}
