import type { Conversations } from '../ports/conversations.ts';
import type { Directory } from '../ports/directory.ts';
import type { Generation, GenerationId, UserId } from '../ports/generations.ts';
import type { Inference } from '../ports/inference.ts';
import type { Workspace } from '../ports/workspaces.ts';
import { MAX_TOKENS } from '../protocol/chat-settings.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Account, GenerationParams } from '../protocol/generation.ts';
import { generationAccepted, rateLimited } from '../telemetry/events.ts';
import { chooseModel, modelsFor } from './choose-model.ts';
import { type DispatchPorts, type DispatchSettings, dispatch, laneWindow } from './dispatch.ts';
import { estimateTokens } from './estimate-prompt.ts';
import type { MessageRequest } from './message-request.ts';
import { predictWait } from './predict-wait.ts';
import { type BudgetPorts, type BudgetStanding, hasBudget, releaseTokens, reserveTokens } from './token-budget.ts';

export type AcceptPorts = DispatchPorts &
  BudgetPorts & { directory: Directory; inference: Inference; conversations: Conversations };

/** Generations: waiting per user, and waiting in a lane as a whole. */
export type AcceptLimits = {
  dispatch: DispatchSettings;
  maxWaitingPerUser: number;
  maxWaiting: number;
  /** Whoever would wait longer is refused; Infinity: nobody. */
  maxWaitSeconds: number;
  /** Messages that a prompt has at most. */
  historyMessages: number;
  /** How long tokens are set aside for an answer; milliseconds. */
  budgetHoldMs: number;
};

/** `budget`: how the key stands in the period with the least left; null where it has none. */
export type AcceptedMessage = { generation: Generation; replayed: boolean; budget: BudgetStanding | null };

const TITLE_CHARS = 80;
const [LEAST_RETRY_SECONDS, LONGEST_RETRY_SECONDS] = [10, 600];

/**
 * Takes a request in for good: when this resolves it is durable, and will be answered exactly once
 * whatever dies. Throws ChatError where nothing was accepted.
 */
export async function acceptMessage(
  ports: AcceptPorts,
  limits: AcceptLimits,
  request: MessageRequest,
): Promise<AcceptedMessage> {
  // Before anybody is made: a model that there is not is nobody's.
  chooseModel(ports.inference, request.workspace, request.params.model);
  const userId = await ports.directory.ensureUser(request.workspace.id, request.externalUserId);
  const params = withModel(ports.inference, request.workspace, {
    maxTokens: MAX_TOKENS.default,
    ...(await settingsFor(ports, request, userId)),
    ...request.params,
  });
  const { ahead, waitMs, window } = await lookAtLine(ports, limits, request);
  // In this order: ids are the order of messages.
  const conversation = conversationOf(ports, request);
  const question =
    request.request.kind === 'message' ? { ...request.request, id: ports.clock.newId() } : request.request;
  const generationId = ports.clock.newId();
  const account = await accountFor(ports, limits, request, { params, userId, generationId });
  const accepting = ports.outbox.accept({
    workspaceId: request.workspace.id,
    userId,
    generationId,
    conversation,
    request: question,
    lane: request.lane,
    direct: request.direct,
    params: {
      ...params,
      // Asked again, another answer is wanted.
      ...(request.request.kind === 'regenerate' && { cache: false }),
      ...(account && { account: account.account }),
      ...(waitMs !== null && { predictedWaitMs: waitMs }),
    },
    ...(request.prompt && { prompt: request.prompt }),
    ...(request.webhookUrl !== undefined && { webhookUrl: request.webhookUrl }),
    ...(request.idempotency && { idempotency: request.idempotency }),
    window,
    maxWaiting: limits.maxWaitingPerUser,
    positionAtArrival: request.direct ? null : ahead,
  });
  const accepted = await accepting.catch(async (error: unknown) => {
    if (account?.standing && isRefusal(error)) await releaseTokens(ports, account.account.keyId, generationId);
    throw error;
  });
  const { generation, dispatched, replayed } = accepted;
  if (account?.standing && replayed) await releaseTokens(ports, account.account.keyId, generationId);
  generationAccepted({
    generation: generation.id,
    user: userId,
    lane: generation.lane,
    direct: request.direct,
    replayed,
  });
  void dispatch(ports, dispatched);
  return { generation, replayed, budget: account?.standing ?? null };
}

/** Throws `queue_full` where too many wait, or would for too long. `waitMs`: null where it does not wait, or nobody knows. */
async function lookAtLine(ports: AcceptPorts, limits: AcceptLimits, { lane, direct }: MessageRequest) {
  const view = await ports.line.look(lane);
  const ahead = Math.max(0, view.drawn - view.served);
  // The rate is that of those who came: where nobody waits it tells nothing of what could be done.
  const seconds = direct ? null : ahead === 0 ? 0 : predictWait(view, ahead);
  // Nobody waits for a batch.
  const excess = lane === 'batch' || seconds === null ? 0 : seconds - limits.maxWaitSeconds;
  if (ahead < limits.maxWaiting && excess <= 0) {
    const window = laneWindow(lane, view, limits.dispatch);
    return { ahead, window, waitMs: seconds === null ? null : Math.round(seconds * 1000) };
  }
  rateLimited({ scope: excess > 0 ? 'wait' : 'queue', lane });
  throw new ChatError('queue_full', {
    retryAfterSeconds: Math.min(LONGEST_RETRY_SECONDS, Math.max(LEAST_RETRY_SECONDS, Math.ceil(excess))),
    ...(excess > 0 && { details: { predicted_wait_seconds: Math.ceil(seconds!) } }),
  });
}

/** For whom it is counted; with tokens set aside where the key has a budget. */
async function accountFor(
  ports: AcceptPorts,
  limits: AcceptLimits,
  request: MessageRequest,
  { params, userId, generationId }: { params: GenerationParams; userId: UserId; generationId: GenerationId },
): Promise<{ account: Account; standing: BudgetStanding | null } | null> {
  const { key } = request;
  const { id: workspaceId } = request.workspace;
  if (!key) return null;
  if (!hasBudget(key)) return { account: { keyId: key.id }, standing: null };
  const tokens = await estimateTokens(ports, request, params, userId, limits.historyMessages);
  const lapsesInMs = limits.budgetHoldMs;
  const standing = await reserveTokens(ports, { workspaceId, key, id: generationId, tokens, lapsesInMs });
  return { account: { keyId: key.id, reservedTokens: tokens }, standing };
}

/** Nothing was accepted for sure; of a database that broke off nobody knows. */
function isRefusal(error: unknown): boolean {
  return error instanceof ChatError && error.status < 500;
}

/** What the conversation has for all its messages. What is temporary is not kept for others either. */
async function settingsFor(
  { conversations, inference }: AcceptPorts,
  { workspace, conversation, begin, prompt }: MessageRequest,
  userId: UserId,
): Promise<Partial<GenerationParams>> {
  const known = typeof conversation === 'number' && !prompt ? await conversations.get(userId, conversation) : null;
  const { settings = {}, temporary = false } = known ?? begin ?? {};
  const { model, assistant: _, ...params } = settings;
  const isThere = modelsFor(workspace, inference).some(({ id }) => id === model);
  return { ...params, ...(isThere && { model: model! }), ...(temporary && { cache: false }) };
}

/** The model is decided at acceptance, so that a takeover elsewhere asks the same one. */
function withModel(inference: Inference, workspace: Workspace, params: GenerationParams): GenerationParams {
  const model = chooseModel(inference, workspace, params.model)?.id ?? params.model;
  return { ...params, ...(model !== undefined && { model }) };
}

function conversationOf(ports: AcceptPorts, request: MessageRequest) {
  if (request.conversation === 'transient') return { newId: ports.clock.newId(), title: 'Not stored', transient: true };
  if (request.conversation !== undefined) return { number: request.conversation };
  if (request.request.kind === 'regenerate') throw new ChatError('conversation_not_found');
  const {
    begin,
    request: { content },
  } = request;
  return { newId: ports.clock.newId(), title: titleOf(content), ...(begin && { begin }) };
}

/** The message's beginning, on one line, cut between words where there is a break near the end. */
function titleOf(content: string): string {
  const line = content.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  if (line.length <= TITLE_CHARS) return line || 'New conversation';
  const cut = line.slice(0, TITLE_CHARS);
  const space = cut.lastIndexOf(' ');
  return `${(space > TITLE_CHARS / 2 ? cut.slice(0, space) : cut).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
