import type { ConversationId, GenerationId, UserId, WorkspaceId } from './generations.ts';

/**
 * Deletion of everything that is kept of a user, in steps. Each may be repeated, by anybody: whoever finds a
 * deletion that was begun goes on with it. The order is begin, stop, close, clear, erase, end.
 */
export interface UserDeletions {
  /**
   * From now on nobody finds the user by name, and nothing new begins for them; one that has begun is returned
   * again. Null: there is no such user. Throws ChatError `database_unavailable` where the user is on the move.
   */
  begin(workspaceId: WorkspaceId, externalId: string): Promise<UserDeletion | null>;
  /** Begun, not ended, and left alone for `forMs`; each is the caller's to go on with. */
  takeOver(forMs: number): Promise<readonly UserDeletion[]>;
  /** The caller does not go on with it: whoever takes over may do so at once. */
  leave(deletion: UserDeletion): Promise<void>;
  /** Marks what is unfinished to be stopped, and returns what runs. Nothing once it is closed. */
  stop(deletion: UserDeletion): Promise<readonly GenerationId[]>;
  /** When it resolves, no write for the user succeeds, whoever tries; a process that does not know it yet is refused. */
  close(deletion: UserDeletion): Promise<void>;
  /** Of what something may be kept outside this store: all conversations, and generations of the last days. */
  traces(deletion: UserDeletion): Promise<UserTraces>;
  /** What was cleared outside; the first note counts. */
  noteCleared(deletion: UserDeletion, cleared: Cleared): Promise<void>;
  /** Removes every row, wherever one was left. Returns the names of databases that could not be asked. */
  erase(deletion: UserDeletion): Promise<readonly string[]>;
  /** The name is free: who comes under it is new. */
  end(deletion: UserDeletion): Promise<void>;
  receipt(deletion: UserDeletion): Promise<DeletionReceipt>;
  /** Of the last deletion of a user of this name, finished or not. */
  lastReceipt(workspaceId: WorkspaceId, externalId: string): Promise<DeletionReceipt | null>;
}

/** `home` and `epoch`: where the user lived, and in which stay there. */
export type UserDeletion = { id: string; userId: UserId; workspaceId: WorkspaceId; home: number; epoch: number };

export type UserTraces = { conversations: readonly ConversationId[]; generations: readonly GenerationId[] };

/** Answers that were stopped, cached contexts and token logs that were removed. */
export type Cleared = { stopped: number; contexts: number; tokenLogs: number };

/** Rows, by what they were. */
export type Erased = {
  messages: number;
  archivedMessages: number;
  generations: number;
  conversations: number;
  idempotencyKeys: number;
  usageDays: number;
  /** Folders, assistants, prompts, shares. */
  items: number;
};

/** `finishedAt` null: not everything is removed yet; it goes on by itself. Times in milliseconds since 1970. */
export type DeletionReceipt = {
  id: string;
  userId: UserId;
  begunAt: number;
  finishedAt: number | null;
  erased: Erased | null;
  /** The names of those that were searched. */
  databases: readonly string[];
  cleared: Cleared | null;
};
