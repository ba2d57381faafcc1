import type { ChatSettings } from '../protocol/chat-settings.ts';
import type { FinishReason, GenerationState, Receipt } from '../protocol/generation.ts';
import type { EpochStart } from '../protocol/position.ts';
import type { ConversationId, GenerationId, MessageId, UserId } from './generations.ts';

/** What a user has said and been told. Nothing here is visible to another user or workspace. */
export interface Conversations {
  /** Newest activity first; `after` is the cursor of the page before. Deleted and temporary ones are never seen. */
  list(userId: UserId, page: ConversationPage): Promise<{ items: readonly Conversation[]; next: string | null }>;
  get(userId: UserId, number: number): Promise<Conversation | null>;
  update(userId: UserId, number: number, change: ConversationChange): Promise<Conversation | null>;
  /** One with its messages as they are. The same source is imported once, whoever asks; a deleted one can be again. */
  import(userId: UserId, conversation: ImportedConversation): Promise<Imported | null>;
  /** Hides it at once and for good; returns the generations that are to be stopped. Null: no such conversation. */
  remove(userId: UserId, number: number): Promise<readonly GenerationId[] | null>;

  /**
   * The branch that ends at `leaf` (absent: the newest message), newest message first, at most `limit`,
   * starting below `before`. `through` instead of `leaf`: the branch that goes through that message and on
   * to its newest descendant. Each message says where it stands among its siblings.
   */
  branch(userId: UserId, number: number, page: BranchPage): Promise<readonly BranchMessage[] | null>;

  /** For the prompt: the branch that ends at `leaf`, oldest first, at most `limit` of the newest. */
  history(userId: UserId, conversationId: ConversationId, leaf: MessageId, limit: number): Promise<readonly Message[]>;

  /** By id; for an assistant message that is the generation's id. */
  message(userId: UserId, id: MessageId): Promise<Message | null>;

  /** Every message of every branch, oldest first: the export. */
  all(userId: UserId, number: number): Promise<readonly Message[] | null>;

  setFeedback(userId: UserId, number: number, messageId: MessageId, feedback: Feedback | null): Promise<boolean>;

  /** How much is kept, what was deleted and is still to be removed included. */
  stored(userId: UserId): Promise<Stored>;

  /** Full-text over the user's own messages, best first; not in temporary conversations. */
  search(userId: UserId, query: string, limit: number): Promise<readonly SearchHit[]>;
}

export type Conversation = {
  id: ConversationId;
  /** Small integer, per user. */
  number: number;
  title: string;
  pinned: boolean;
  archived: boolean;
  folderId: string | null;
  /** Not listed, not searched, and removed some time after the last word. */
  temporary: boolean;
  settings: ChatSettings;
  messageCount: number;
  lastMessageId: MessageId | null;
  /** A generation of it is queued or running. */
  answering: boolean;
  createdAt: number;
  updatedAt: number;
};

/** `folder`: only those of that one, or of none. */
export type ConversationPage = {
  limit: number;
  after?: string;
  archived?: boolean;
  pinned?: boolean;
  folder?: string | 'none';
};
export type ConversationChange = {
  title?: string;
  /** Only while this is the title; otherwise nothing is changed. */
  ifTitle?: string;
  pinned?: boolean;
  archived?: boolean;
  temporary?: false;
  folderId?: string | null;
  settings?: ChatSettings;
};

/** `messages`: each after its parent, at least one; the last one is where it goes on. Milliseconds since 1970. */
export type ImportedConversation = {
  id: ConversationId;
  source: string;
  title: string;
  archived: boolean;
  createdAt: number;
  updatedAt: number;
  messages: readonly ImportedMessage[];
};
export type ImportedMessage = Pick<Message, 'id' | 'parentId' | 'role' | 'content' | 'createdAt'>;
/** `isNew` false: it was there already. */
export type Imported = { number: number; isNew: boolean };
/** `kept`: those that are listed, archived ones among them; `bytes`: of texts, as they are stored. */
export type Stored = {
  conversations: { kept: number; archived: number; temporary: number; deleted: number };
  messages: { recent: number; archived: number; bytes: number };
  generations: number;
  usageDays: number;
};
export const NOTHING_STORED: Stored = {
  conversations: { kept: 0, archived: 0, temporary: 0, deleted: 0 },
  messages: { recent: 0, archived: 0, bytes: 0 },
  generations: 0,
  usageDays: 0,
};
export type BranchPage = { leaf?: MessageId; through?: MessageId; before?: MessageId; limit: number };

export type MessageStatus = Exclude<GenerationState, 'queued' | 'running'>;
export type Feedback = { rating: 'up' | 'down'; comment?: string };

export type Message = {
  id: MessageId;
  parentId: MessageId | null;
  role: 'user' | 'assistant';
  content: string;
  reasoning: string;
  /** `done` for a user's own. */
  status: MessageStatus;
  model: string | null;
  finishReason: FinishReason | null;
  /** Where the epochs of an answer began, so that any event id can be resumed from the stored text. */
  epochs: readonly EpochStart[];
  receipt: Receipt | null;
  feedback: Feedback | null;
  createdAt: number;
};

/**
 * `siblings`: ids of the messages with the same parent, this one included, oldest first. A generation
 * that is not finished yet is a sibling and a message too: `pending` names its state, its text is empty.
 */
export type BranchMessage = Message & { siblings: readonly MessageId[]; pending: 'queued' | 'running' | null };

export type SearchHit = {
  conversationNumber: number;
  conversationTitle: string;
  messageId: MessageId;
  role: 'user' | 'assistant';
  /** A passage around the match; matches between U+E000 and U+E001. */
  passage: string;
  createdAt: number;
};
