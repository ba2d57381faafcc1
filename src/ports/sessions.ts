/**
 * Browsers that have exchanged an API key for a cookie. A session names its key by hash, so it ends with the
 * key; it also ends when nobody uses it, and some weeks after its opening. Losing them asks for the key again.
 */
export interface Sessions {
  /** The token that the cookie holds. */
  open(keyHash: Uint8Array): Promise<string>;
  /** The key's hash; null where there is no such session, or no way to tell. */
  find(token: string): Promise<Uint8Array | null>;
  close(token: string): Promise<void>;
}

export const SESSION_IDLE_MS = 12 * 60 * 60 * 1000;
export const SESSION_LONGEST_MS = 30 * 24 * 60 * 60 * 1000;
