import { createHash } from 'node:crypto';

/** In the letters of base64url. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
