import type { Directory } from '../ports/directory.ts';
import { type EmbeddingResult, type Inference, InferenceError } from '../ports/inference.ts';
import type { KeyBudget, Workspace } from '../ports/workspaces.ts';
import { ChatError } from '../protocol/errors.ts';
import { portFailed } from '../telemetry/events.ts';
import { chooseModel } from './choose-model.ts';
import { countTexts } from './estimate-prompt.ts';
import { priceAnswer } from './price-answer.ts';
import { type BudgetPorts, type BudgetStanding, hasBudget, reserveTokens, settleUse } from './token-budget.ts';

export type EmbedPorts = BudgetPorts & { directory: Directory; inference: Inference };

export type EmbedRequest = {
  workspace: Workspace;
  externalUserId: string;
  key: { id: string; budget: KeyBudget } | null;
  /** Absent: the default. */
  model?: string;
  inputs: readonly string[];
  dimensions?: number;
};

/** `budget`: how the key stands in the period with the least left; null where it has none. */
export type Embedded = { made: EmbeddingResult; budget: BudgetStanding | null };

/**
 * A vector for each text. What it used is counted for its user and key, and within the key's budget, as an answer's
 * is. Throws ChatError.
 */
export async function embedTexts(
  ports: EmbedPorts,
  { budgetHoldMs }: { budgetHoldMs: number },
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<Embedded> {
  const { inference } = ports;
  if (!inference.embed) throw new ChatError('embeddings_unsupported');
  const model = chooseModel(inference, request.workspace, request.model);
  if (!model) throw new ChatError('inference_unavailable');
  const { key, inputs, dimensions } = request;
  const { id: workspaceId } = request.workspace;
  const userId = await ports.directory.ensureUser(workspaceId, request.externalUserId);
  const at = ports.clock.now();
  const reservation = ports.clock.newId();
  const budget =
    key && hasBudget(key)
      ? await reserveTokens(ports, {
          workspaceId,
          key,
          id: reservation,
          tokens: (await countTexts(inference, model, inputs)).reduce((sum, count) => sum + count, 0),
          lapsesInMs: budgetHoldMs,
        })
      : null;
  let used = 0;
  try {
    const asked = { model: model.id, inputs, ...(dimensions !== undefined && { dimensions }) };
    const made = await inference.embed(asked, signal).catch((error: unknown) => {
      throw toChatError(error, signal);
    });
    used = made.promptTokens;
    const cost = priceAnswer(model, { promptTokens: used, reusedTokens: 0, completionTokens: 0 }) ?? 0;
    const use = { workspaceId, keyId: key?.id ?? null, model: model.id, promptTokens: used, cost };
    await ports.usage.countEmbedding(userId, use);
    return { made, budget };
  } finally {
    if (key && budget) await settleUse(ports, key.id, reservation, { used, at });
  }
}

function toChatError(error: unknown, signal: AbortSignal): unknown {
  if (!(error instanceof InferenceError) || signal.aborted) return error;
  portFailed({ port: 'inference', operation: 'embed', error });
  if (error.kind === 'model_not_found') return new ChatError('model_unknown', { cause: error });
  // A server without that route says so with a 404 or 405; its other refusals are about the request.
  if (error.cause instanceof Error && /^40[45]\b/.test(error.cause.message))
    return new ChatError('embeddings_unsupported', { cause: error });
  if (!error.retryable) return new ChatError('request_refused', { cause: error });
  return new ChatError('inference_unavailable', { cause: error });
}
