import type { ConversationChange, ImportedInput } from '../../../../client/user-api.ts';
import type { ItemResource } from '../../../../src/protocol/resources.ts';

/** What is not taken along, and why. */
export type LeftOut =
  /** Of messages: instructions, calls of tools and what they gave, pictures and files. */
  | 'instructions'
  | 'tools'
  | 'attachments'
  /** Answers before any question, and messages without a text. */
  | 'unasked'
  | 'empty'
  /** Messages that were too long, and are taken up to what fits. */
  | 'cut'
  /** Of chats. */
  | 'emptyChats'
  | 'longChats'
  | 'unreadableChats';

export type Counts = Partial<Record<LeftOut, number>>;

export function count(counts: Counts, what: LeftOut, by = 1): void {
  if (by > 0) counts[what] = (counts[what] ?? 0) + by;
}

/** `after`: what it is told once it is there. `original`: what it was here, where the file is from here. */
export type PlannedChat = {
  conversation: ImportedInput;
  after?: ConversationChange;
  original?: { number: number; created_at: string };
};

export type ImportPlan = {
  from: 'chatgpt' | 'open-webui' | 'chatterbot';
  chats: PlannedChat[];
  /** What the person had arranged. */
  items: ItemResource[];
  leftOut: Counts;
};

/** As the server has them. */
export const IMPORT_LIMITS = { messages: 5000, messageChars: 200_000, titleChars: 200, sourceChars: 200 };
