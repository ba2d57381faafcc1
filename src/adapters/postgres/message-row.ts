import type { Feedback, Message, MessageStatus } from '../../ports/conversations.ts';
import type { EpochStart } from '../../protocol/position.ts';
import { type GenerationRow, generationColumns, toReceipt } from './generation-row.ts';

/** A message with the generation that made it, whose columns are null for a user's own. */
export type MessageRow = Omit<GenerationRow, 'id' | 'created_at'> & {
  id: string | null;
  message_id: string;
  parent_id: string | null;
  role: 'user' | 'assistant';
  status: MessageStatus;
  content: string;
  reasoning: string;
  epochs: EpochStart[];
  feedback: Feedback | null;
  stored_at: number;
  created_at: number;
};

/** Of `messages AS m` left-joined to `generations AS g`. */
export const MESSAGE_COLUMNS = `m.id AS message_id, m.parent_id, m.role, m.status, m.content, m.reasoning, m.epochs,
  m.feedback, m.created_at AS stored_at, ${generationColumns('g')}`;

export const MESSAGE_JOIN = `LEFT JOIN generations AS g ON g.id = m.id AND m.role = 'assistant'`;

export function toMessage(row: MessageRow): Message {
  const isAnswer = row.id !== null;
  return {
    id: row.message_id,
    parentId: row.parent_id,
    role: row.role,
    content: row.content,
    reasoning: row.reasoning,
    status: row.status,
    model: row.model,
    finishReason: row.finish_reason,
    epochs: row.epochs,
    receipt: isAnswer ? toReceipt(row as MessageRow & { id: string }) : null,
    feedback: row.feedback,
    createdAt: row.stored_at,
  };
}
