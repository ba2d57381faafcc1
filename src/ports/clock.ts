/**
 * Time and chance: all that makes a run of `core/` unrepeatable comes through here, so that the
 * simulation can replay it. Leases and due times are the database's, never this clock's.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects with the signal's reason when aborted; the timer is then gone. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
  /** UUIDv7, increasing within this process. */
  newId(): string;
}
