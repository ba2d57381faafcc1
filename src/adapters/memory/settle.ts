import type { Answer } from '../../ports/generations.ts';
import { buildReceipt } from '../../protocol/receipt.ts';
import type { GenerationRow, MemoryDatabase } from './database.ts';
import { storedText } from './stored-text.ts';
import { countAnswer } from './usage-reports.ts';

/** Brings a generation to its terminal state and gives it its one message. */
export function settle(database: MemoryDatabase, row: GenerationRow, answer: Answer): void {
  const now = database.now();
  const text = storedText(answer.text);
  const reasoning = storedText(answer.reasoning);
  const error = answer.error && { code: answer.error.code, message: storedText(answer.error.message) };
  row.receipt = buildReceipt(row, { ...answer, error }, now);
  row.state = answer.state;
  row.finishedAt = now;
  row.model = answer.model;
  row.finishReason = answer.finishReason;
  row.length = { text: Buffer.byteLength(text), reasoning: Buffer.byteLength(reasoning) };
  row.error = error;
  row.deadLetter = answer.deadLetter;
  if (!answer.deadLetter) row.prompt = null;
  if (row.webhook) Object.assign(row.webhook, { dueAt: now, attempts: 0, isDead: false });
  if (answer.usage && answer.model !== null) countAnswer(row, answer.model, answer.usage, answer.facts.cost ?? 0, now);
  row.user.active.delete(row);
  row.conversation.messages.set(row.id, {
    id: row.id,
    parentId: row.requestMessageId,
    role: 'assistant',
    content: text,
    reasoning,
    status: answer.state,
    model: answer.model,
    finishReason: answer.finishReason,
    epochs: answer.epochs,
    receipt: row.receipt,
    feedback: null,
    createdAt: now,
  });
  row.conversation.updatedAt = now;
}

/** What a generation that was stopped before anybody answered it is finished with. */
export const CANCELLED_UNANSWERED: Answer = {
  state: 'cancelled',
  text: '',
  reasoning: '',
  epochs: [],
  model: null,
  finishReason: 'cancelled',
  usage: null,
  facts: {},
  prefillMs: null,
  streamMs: null,
  trimmedMessages: 0,
  error: null,
  deadLetter: false,
};
