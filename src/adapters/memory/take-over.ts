import type { GenerationRow, MemoryDatabase } from './database.ts';

/**
 * A restart of the database frees every lock and delays every heartbeat, so neither is believed until
 * living owners have had time to come back.
 */
export function hasLapsed(database: MemoryDatabase, row: GenerationRow): boolean {
  return row.leaseUntil <= database.now() && database.upForMs() >= database.options.leaseMs / 3;
}

/** Only where the owner really held its lock does a free one say anything. */
export function hasDied(database: MemoryDatabase, row: GenerationRow): boolean {
  return row.ownerLocked && !database.isLocked(row.owner!) && database.upForMs() >= database.options.trustAfterMs;
}
