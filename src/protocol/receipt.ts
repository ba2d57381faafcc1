import type { AnswerFacts, FinishReason, Lane, Receipt, TerminalState, Usage } from './generation.ts';

/** The row as it stands in the finishing transaction. Times: milliseconds since 1970, by the database's clock. */
export type ReceiptRow = {
  id: string;
  lane: Lane;
  /** Who finishes it; null where nobody ever claimed it. */
  owner: string | null;
  attempts: number;
  takeovers: number;
  positionAtArrival: number | null;
  createdAt: number;
  /** Of the first claim. */
  claimedAt: number | null;
};

/** What the runner measured; milliseconds by its own clock. */
export type ReceiptFigures = {
  state: TerminalState;
  model: string | null;
  finishReason: FinishReason | null;
  usage: Usage | null;
  facts: AnswerFacts;
  prefillMs: number | null;
  streamMs: number | null;
  trimmedMessages: number;
  error: { code: string; message: string } | null;
};

/** Built by the store when it finishes a generation, so that every adapter says the same. */
export function buildReceipt(row: ReceiptRow, figures: ReceiptFigures, finishedAtMs: number): Receipt {
  const usage = figures.usage ?? { promptTokens: 0, reusedTokens: 0, completionTokens: 0 };
  return {
    generation_id: row.id,
    state: figures.state,
    model: figures.model,
    worker: row.owner,
    lane: row.lane,
    finish_reason: figures.finishReason,
    position_at_arrival: row.positionAtArrival,
    queue_ms: elapsed(row.createdAt, row.claimedAt ?? finishedAtMs),
    prefill_ms: roundOrNull(figures.prefillMs),
    stream_ms: roundOrNull(figures.streamMs),
    total_ms: elapsed(row.createdAt, finishedAtMs),
    tokens: { prompt: usage.promptTokens, reused: usage.reusedTokens, completion: usage.completionTokens },
    cost: figures.facts.cost ?? null,
    source: figures.facts.source ?? 'model',
    degraded: [...(figures.facts.degraded ?? [])],
    tokens_per_second: tokensPerSecond(usage.completionTokens, figures.streamMs),
    attempts: row.attempts,
    takeovers: row.takeovers,
    trimmed_messages: figures.trimmedMessages,
    summarised_messages: figures.facts.summarised ?? 0,
    error: figures.error,
  };
}

/** Never negative: a clock may be set back between two rows' times. */
function elapsed(fromMs: number, toMs: number): number {
  return Math.max(0, Math.round(toMs - fromMs));
}

function roundOrNull(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}

/** `streamMs` spans the gaps between tokens, one fewer than there are tokens. Two decimals. */
function tokensPerSecond(tokens: number, streamMs: number | null): number | null {
  if (streamMs === null || streamMs <= 0 || tokens < 2) return null;
  return Math.round(((tokens - 1) / streamMs) * 100_000) / 100;
}
