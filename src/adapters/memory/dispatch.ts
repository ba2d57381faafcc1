import type { DispatchWindow, GenerationJob, MessageId } from '../../ports/generations.ts';
import { LANES, type Lane } from '../../protocol/generation.ts';
import type { GenerationRow, MemoryDatabase, UserRow } from './database.ts';

function toJob(row: GenerationRow): GenerationJob {
  return { id: row.id, userId: row.user.id, lane: row.lane, tokens: row.params.maxTokens };
}

/** Has a place in its user's window: dispatched, or running. */
export function hasPlace(row: GenerationRow): boolean {
  return row.state === 'running' || row.dispatchedAt !== null;
}

/** Stamps and returns what the user's window has room for, in the order of acceptance. */
export function dispatchUser(
  database: MemoryDatabase,
  user: UserRow,
  window: DispatchWindow,
): readonly GenerationJob[] {
  const now = database.now();
  const places: Record<Lane, number> = { stream: 0, chat: 0, batch: 0 };
  for (const row of user.active) if (hasPlace(row)) places[row.lane] += 1;
  const jobs: GenerationJob[] = [];
  for (const row of firstInLine(user)) {
    if (!isWaiting(row, now) || places[row.lane] >= window[row.lane]) continue;
    markDispatched(row, now);
    places[row.lane] += 1;
    jobs.push(toJob(row));
    if (LANES.every((lane) => places[lane] >= window[lane])) break;
  }
  return jobs;
}

export function markDispatched(row: GenerationRow, now: number): void {
  row.dispatchedAt = now;
  row.publishedAt = null;
  row.sweeps = 0;
  row.sweepDueAt = now;
}

/** Could be dispatched if the window had room. */
export function isWaiting(row: GenerationRow, now: number): boolean {
  return row.state === 'queued' && row.dueAt <= now && !row.direct && row.dispatchedAt === null;
}

/**
 * Of each conversation the generations of the question that is first in line, and only where no other question of it
 * has a place: a later question needs the earlier one's answer, even where that waits for a retry.
 */
export function firstInLine(user: UserRow): readonly GenerationRow[] {
  const questions = new Map<string, MessageId>();
  for (const row of user.active) if (hasPlace(row)) questions.set(row.conversation.id, row.requestMessageId);
  const blocked = new Set<string>();
  const line = [...user.active].sort((a, b) => a.line - b.line);
  return line.filter(({ conversation: { id }, requestMessageId }) => {
    if (!questions.has(id)) questions.set(id, requestMessageId);
    if (questions.get(id) !== requestMessageId) blocked.add(id);
    return !blocked.has(id);
  });
}
