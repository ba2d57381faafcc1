import type { UserId, WorkspaceId } from './generations.ts';

/** Which user an external id means within a workspace, and where that user lives. */
export interface Directory {
  /** Finds or places the user. */
  ensureUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId>;
  findUser(workspaceId: WorkspaceId, externalId: string): Promise<UserId | null>;
}
