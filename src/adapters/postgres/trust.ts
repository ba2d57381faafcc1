import type { Db } from './pool.ts';

export type TrustOptions = {
  leaseMs: number;
  /** How long the shard must have been seen up before a free lock counts as a death. 0: no other owner ever lives. */
  trustAfterMs: number;
};

/**
 * A restart of the database frees every lock and delays every heartbeat; neither is believed until
 * living owners have had time to come back.
 */
export function trusts(db: Db, { leaseMs, trustAfterMs }: TrustOptions): { locks: boolean; leases: boolean } {
  const upForMs = db.seenUpForMs();
  return { locks: upForMs >= trustAfterMs, leases: upForMs >= leaseMs / 3 };
}
