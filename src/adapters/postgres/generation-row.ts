import type { DispatchWindow, Generation, GenerationJob } from '../../ports/generations.ts';
import {
  type AnswerFacts,
  type FinishReason,
  type GenerationParams,
  type GenerationState,
  isTerminal,
  type Lane,
} from '../../protocol/generation.ts';
import { buildReceipt } from '../../protocol/receipt.ts';

/** A row of `generations` as the driver gives it: names of columns, times in milliseconds. */
export type GenerationRow = {
  id: string;
  user_id: string;
  workspace_id: string;
  conversation_id: string;
  conversation_number: number;
  request_message_id: string;
  lane: Lane;
  direct: boolean;
  params: GenerationParams;
  state: GenerationState;
  epoch: number;
  attempts: number;
  takeovers: number;
  stop_requested: boolean;
  owner: string | null;
  ticket: number | null;
  position_at_arrival: number | null;
  created_at: number;
  claimed_at: number | null;
  finished_at: number | null;
  model: string | null;
  finish_reason: FinishReason | null;
  prompt_tokens: number | null;
  reused_tokens: number | null;
  completion_tokens: number | null;
  prefill_ms: number | null;
  stream_ms: number | null;
  trimmed_messages: number | null;
  text_bytes: number | null;
  reasoning_bytes: number | null;
  error_code: string | null;
  error_message: string | null;
  facts: AnswerFacts | null;
};

export const GENERATION_COLUMNS = [
  'id',
  'user_id',
  'workspace_id',
  'conversation_id',
  'conversation_number',
  'request_message_id',
  'lane',
  'direct',
  'params',
  'state',
  'epoch',
  'attempts',
  'takeovers',
  'stop_requested',
  'owner',
  'ticket',
  'position_at_arrival',
  'created_at',
  'claimed_at',
  'finished_at',
  'model',
  'finish_reason',
  'prompt_tokens',
  'reused_tokens',
  'completion_tokens',
  'prefill_ms',
  'stream_ms',
  'trimmed_messages',
  'text_bytes',
  'reasoning_bytes',
  'error_code',
  'error_message',
  'facts',
] as const satisfies (keyof GenerationRow)[];

/** The columns of a row of generations that goes by this name in the statement: an alias, or `(r).generation`. */
export function generationColumns(row: string): string {
  return GENERATION_COLUMNS.map((name) => `${row}.${name}`).join(', ');
}

export function toGeneration(row: GenerationRow): Generation {
  return {
    id: row.id,
    userId: row.user_id,
    workspaceId: row.workspace_id,
    conversationId: row.conversation_id,
    conversationNumber: row.conversation_number,
    requestMessageId: row.request_message_id,
    lane: row.lane,
    direct: row.direct,
    params: row.params,
    state: row.state,
    epoch: row.epoch,
    owner: row.owner,
    attempts: row.attempts,
    takeovers: row.takeovers,
    stopRequested: row.stop_requested,
    ticket: row.ticket,
    positionAtArrival: row.position_at_arrival,
    createdAt: row.created_at,
    claimedAt: row.claimed_at,
    finishedAt: row.finished_at,
    model: row.model,
    finishReason: row.finish_reason,
    receipt: toReceipt(row),
    length: row.text_bytes === null ? null : { text: row.text_bytes, reasoning: row.reasoning_bytes ?? 0 },
    error: toError(row),
  };
}

/** Built of the row's figures whenever it is read; they never change once it is terminal. Null before. */
export function toReceipt(row: GenerationRow) {
  if (!isTerminal(row.state) || row.finished_at === null) return null;
  const usage =
    row.prompt_tokens === null
      ? null
      : {
          promptTokens: row.prompt_tokens,
          reusedTokens: row.reused_tokens ?? 0,
          completionTokens: row.completion_tokens ?? 0,
        };
  return buildReceipt(
    {
      id: row.id,
      lane: row.lane,
      owner: row.owner,
      attempts: row.attempts,
      takeovers: row.takeovers,
      positionAtArrival: row.position_at_arrival,
      createdAt: row.created_at,
      claimedAt: row.claimed_at,
    },
    {
      state: row.state,
      model: row.model,
      finishReason: row.finish_reason,
      usage,
      facts: row.facts ?? {},
      prefillMs: row.prefill_ms,
      streamMs: row.stream_ms,
      trimmedMessages: row.trimmed_messages ?? 0,
      error: toError(row),
    },
    row.finished_at,
  );
}

function toError(row: GenerationRow): { code: string; message: string } | null {
  return row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' };
}

export function toWindow(window: DispatchWindow): number[] {
  return [window.stream, window.chat, window.batch];
}

export function toJobs(
  userId: string,
  jobs: readonly { id: string; lane: Lane; tokens: number }[] | null,
): GenerationJob[] {
  return (jobs ?? []).map(({ id, lane, tokens }) => ({ id, userId, lane, tokens }));
}
