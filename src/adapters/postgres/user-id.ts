import { createHash } from 'node:crypto';
import type { UserId, WorkspaceId } from '../../ports/generations.ts';

/**
 * A user's id follows from workspace and external id (UUIDv8), so that a known user is found on the shards
 * while the directory is away. Users of before keep the ids that the directory has for them.
 */
export function userIdOf(workspaceId: WorkspaceId, externalId: string): UserId {
  const hash = createHash('sha256').update(`${workspaceId.toLowerCase()} ${externalId}`).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
