import type { ChatSettings } from '../protocol/chat-settings.ts';
import type { ConversationId, MessageId, UserId } from './generations.ts';

/**
 * What a person arranges around the conversations: small, few, and a person's own. It moves and is deleted with
 * the user.
 */
export interface UserItems {
  /** All of them, oldest first. */
  list(userId: UserId): Promise<readonly UserItem[]>;
  /**
   * Made, or put in place of the one with this id. Throws ChatError `too_many_items` where there are `most` of its
   * kind already, `item_id_taken` where that id is of another kind.
   */
  put(userId: UserId, item: ItemInput, most: number): Promise<void>;
  /** Conversations of a folder stay, without one. False: there was no such item. */
  remove(userId: UserId, id: string): Promise<boolean>;
  /** By its id alone, whatever shard it is on. */
  findShare(id: string): Promise<SharedBranch | null>;
}

export type ItemValue =
  | { kind: 'folder'; name: string }
  | { kind: 'assistant'; name: string; greeting: string; settings: ChatSettings }
  | { kind: 'prompt'; name: string; text: string }
  /** What new conversations begin with. */
  | { kind: 'defaults'; settings: ChatSettings }
  | ShareValue;

/** A branch as it stood: messages are never changed, so its last one says which. */
export type ShareValue = {
  kind: 'share';
  conversationId: ConversationId;
  number: number;
  leaf: MessageId;
  title: string;
};

export type ItemInput = { id: string } & ItemValue;
/** Milliseconds since 1970. */
export type UserItem = ItemInput & { createdAt: number; updatedAt: number };
export type SharedBranch = { userId: UserId; createdAt: number; share: ShareValue };
