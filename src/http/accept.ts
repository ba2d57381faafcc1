import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AcceptedMessage, acceptMessage } from '../core/accept-message.ts';
import type { MessageRequest, RequestedParams } from '../core/message-request.ts';
import { refuseWebhookUrl } from '../lib/webhook-url.ts';
import type { ConversationBegin } from '../ports/outbox.ts';
import type { ChatSettings } from '../protocol/chat-settings.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Lane } from '../protocol/generation.ts';
import { type ChatRequest, SEED_MAX_TOKENS } from '../protocol/requests.ts';
import type { ChatSettingsResource } from '../protocol/resources.ts';
import { allowUser } from './auth.ts';
import { tellBudget, tellRefusedBudget } from './budget-headers.ts';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';
import { idempotencyOf } from './idempotency.ts';

type Options = {
  model?: string;
  max_tokens?: number;
  temperature?: number;
  context?: readonly string[];
  cache?: boolean;
  allow_degraded?: boolean;
};
type Begin = { settings?: ChatSettingsResource; folder?: string; temporary?: boolean };
type Acceptance = Pick<
  MessageRequest,
  'request' | 'lane' | 'direct' | 'params' | 'conversation' | 'begin' | 'prompt'
> & {
  userId: string;
  webhook_url?: string | undefined;
  /** What an Idempotency-Key stands for. */
  body: unknown;
};

/** Takes it in for good; see `core/accept-message`. */
export async function accept(
  http: Http,
  { caller, request, reply }: { caller: Caller; request: FastifyRequest; reply: FastifyReply },
  acceptance: Acceptance,
): Promise<AcceptedMessage> {
  const { userId, body, webhook_url, ...rest } = acceptance;
  const idempotency = idempotencyOf(request, body);
  const accepting = acceptMessage(http.deps.ports, http.deps.accept, {
    workspace: caller.workspace,
    externalUserId: allowUser(caller, userId),
    ...(caller.key && { key: caller.key }),
    ...rest,
    ...webhookOf(http, webhook_url),
    ...(idempotency && { idempotency }),
  });
  const outcome = await accepting.catch((error: unknown) => {
    tellRefusedBudget(reply, error);
    throw error;
  });
  if (outcome.budget) tellBudget(reply, outcome.budget);
  if (outcome.replayed) void reply.header('idempotency-replayed', 'true');
  return outcome;
}

/** A request of the routes with `user_id` in the body. */
export function acceptChat(
  http: Http,
  input: { caller: Caller; request: FastifyRequest; reply: FastifyReply; body: ChatRequest },
  how: { lane: Lane; direct: boolean },
): Promise<AcceptedMessage> {
  const { user_id, message, conversation_id, webhook_url, stream = false } = input.body;
  const params = { maxTokens: SEED_MAX_TOKENS.default, ...paramsOf(input.body) };
  return accept(http, input, {
    ...how,
    userId: user_id,
    webhook_url,
    ...(conversation_id !== undefined && { conversation: conversation_id }),
    request: { kind: 'message', content: cleanText(message) },
    params,
    // Named field by field: what the caller sent beside them is ignored, and so means no other request.
    body: { user_id, message, conversation_id, webhook_url, stream, params },
  });
}

/** Throws where nobody, or not that address, is told of answers here. */
export function webhookOf(http: Http, url: string | undefined): { webhookUrl?: string } {
  if (url === undefined) return {};
  const { webhooks: reach } = http.options;
  if (reach === null) throw new ChatError('webhooks_off');
  const refusal = refuseWebhookUrl(url, reach);
  if (refusal) throw new ChatError('webhook_refused', { details: { webhook_url: refusal } });
  return { webhookUrl: new URL(url).href };
}

export function paramsOf(options: Options): RequestedParams {
  const { model, max_tokens, temperature, context, cache, allow_degraded } = options;
  return {
    ...(max_tokens !== undefined && { maxTokens: max_tokens }),
    ...(model !== undefined && { model: cleanText(model) }),
    ...(temperature !== undefined && { temperature }),
    ...(cache !== undefined && { cache }),
    ...(allow_degraded === false && { allowDegraded: false }),
    ...(context !== undefined &&
      context.length > 0 && { context: context.map((text) => text.toWellFormed().replaceAll('\0', '')) }),
  };
}

/** What a new conversation begins with. */
export function beginOf({ settings, folder, temporary }: Begin): ConversationBegin {
  return {
    ...(settings && { settings: settingsOf(settings) }),
    ...(folder !== undefined && { folderId: folder.toLowerCase() }),
    ...(temporary && { temporary }),
  };
}

export function settingsOf({ system_prompt, top_p, max_tokens, ...settings }: ChatSettingsResource): ChatSettings {
  return {
    ...settings,
    ...(system_prompt !== undefined && { systemPrompt: cleanText(system_prompt) }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(max_tokens !== undefined && { maxTokens: max_tokens }),
  };
}

/** As PostgreSQL can keep it: whole characters, and no NUL. */
export function cleanText(text: string): string {
  const clean = text.toWellFormed().replaceAll('\0', '');
  if (clean === '') throw new ChatError('invalid_request', { details: { message: 'must hold text' } });
  return clean;
}
