import type { WorkspaceId } from './generations.ts';

/** Tenants and their API keys. Only hashes of keys are kept. */
export interface Workspaces {
  ensure(name: string): Promise<Workspace>;
  find(name: string): Promise<Workspace | null>;
  /** `hash`: SHA-256 of the key, 32 bytes. Adding a known hash to the same workspace changes nothing. */
  addKey(workspaceId: WorkspaceId, name: string, hash: Uint8Array): Promise<void>;
  findByKey(hash: Uint8Array): Promise<KeyHolder | null>;
  /** Oldest first; `workspaceName` absent: of all. */
  listKeys(workspaceName?: string): Promise<readonly KeyInfo[]>;
  /** What is not named stays as it is. Null: there is no key with this id, or there are several. */
  limitKey(id: string, budget: Partial<KeyBudget>): Promise<KeyInfo | null>;
  /** From now on nobody finds a workspace by it. Null: there is none with this id, or there are several. */
  revokeKey(id: string): Promise<KeyInfo | null>;
}

/** `id`: the first characters of the hash in hexadecimal. The key itself is known to its holder only. */
export type KeyInfo = { id: string; name: string; workspace: string; createdAt: number; budget: KeyBudget };
export const KEY_ID_CHARACTERS = 12;

export function keyIdOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex').slice(0, KEY_ID_CHARACTERS);
}

export type Workspace = { id: WorkspaceId; name: string };

export type KeyHolder = { workspace: Workspace; budget: KeyBudget };

/** Tokens, read and written, that may be used in a day and in a month, in UTC. Null: as many as one likes. */
export type KeyBudget = { tokensPerDay: number | null; tokensPerMonth: number | null };
