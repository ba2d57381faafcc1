import type { Conversation } from '../../ports/conversations.ts';
import type { ChatSettings } from '../../protocol/chat-settings.ts';
import { ChatError } from '../../protocol/errors.ts';

export type ConversationRow = {
  id: string;
  number: number;
  title: string;
  pinned: boolean;
  archived: boolean;
  folder_id: string | null;
  temporary: boolean;
  settings: ChatSettings;
  message_count: number;
  last_message_id: string | null;
  answering: boolean;
  created_at: number;
  updated_at: number;
};

/** Of `conversations AS c`. */
export const CONVERSATION_COLUMNS = `c.id, c.number, c.title, c.pinned, c.archived, c.folder_id, c.temporary, c.settings, c.message_count, c.last_message_id,
  c.created_at, c.updated_at,
  EXISTS (SELECT FROM generations AS g WHERE g.conversation_id = c.id AND g.state IN ('queued', 'running')) AS answering`;

export function toConversation(row: ConversationRow): Conversation {
  return {
    id: row.id,
    number: row.number,
    title: row.title,
    pinned: row.pinned,
    archived: row.archived,
    folderId: row.folder_id,
    temporary: row.temporary,
    settings: row.settings,
    messageCount: row.message_count,
    lastMessageId: row.last_message_id,
    answering: row.answering,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

const MAX_NUMBER = 2 ** 31 - 1;
/** The latest time that a Date can say. */
const MAX_TIME_MS = 8.64e15;

/** Any other number is of no conversation, and would make PostgreSQL refuse the statement. */
export function isConversationNumber(number: number): boolean {
  return Number.isInteger(number) && number > 0 && number <= MAX_NUMBER;
}

/** Where a list by newest activity goes on; the number settles equal times. */
export function formatCursor(row: ConversationRow): string {
  return `${row.updated_at}.${row.number}`;
}

export function parseCursor(cursor: string): { updatedAt: number; number: number } {
  const match = /^(\d{1,16})\.(\d{1,10})$/.exec(cursor);
  const place = { updatedAt: Number(match?.[1]), number: Number(match?.[2]) };
  if (!isConversationNumber(place.number) || place.updatedAt > MAX_TIME_MS) {
    throw new ChatError('invalid_request', { details: { after: 'the `next` of the page before' } });
  }
  return place;
}
