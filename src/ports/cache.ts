/** Bytes that may vanish at any time. A failure is a miss: nothing here throws. */
export interface Cache {
  get(key: string): Promise<Uint8Array | null>;
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  /** Keeps it where nothing is kept under this key: null. Otherwise what is kept. One of several callers at once keeps. */
  add(key: string, value: Uint8Array, ttlMs: number): Promise<Uint8Array | null>;
  delete(key: string): Promise<void>;
}
