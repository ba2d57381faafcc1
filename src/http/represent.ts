import { describeWaiting } from '../core/describe-waiting.ts';
import type { BranchMessage, Conversation, Message, SearchHit, Stored } from '../ports/conversations.ts';
import type { Generation } from '../ports/generations.ts';
import type { ModelInfo } from '../ports/inference.ts';
import type { UsageDimension, UsageSum } from '../ports/usage-reports.ts';
import type { DeletionReceipt } from '../ports/user-deletions.ts';
import type { SharedBranch, UserItem } from '../ports/user-items.ts';
import type { WaitingLine } from '../ports/waiting-line.ts';
import { checkEndpoint, streamEndpoint } from '../protocol/addresses.ts';
import type { ChatSettings } from '../protocol/chat-settings.ts';
import type {
  ChatSettingsResource,
  ConversationResource,
  DeletionResource,
  GenerationResource,
  ItemResource,
  MessageResource,
  ModelResource,
  SearchHitResource,
  SharedResource,
  StoredDataResource,
} from '../protocol/resources.ts';

import { splitToolCalls } from '../protocol/tool-calls.ts';

/** Sums of binary fractions are told without their noise. */
const COST_DECIMALS = 9;

const iso = (ms: number): string => new Date(ms).toISOString();

export function conversationResource(conversation: Conversation): ConversationResource {
  return {
    number: conversation.number,
    title: conversation.title,
    pinned: conversation.pinned,
    archived: conversation.archived,
    folder: conversation.folderId,
    temporary: conversation.temporary,
    settings: settingsResource(conversation.settings),
    message_count: conversation.messageCount,
    answering: conversation.answering,
    created_at: iso(conversation.createdAt),
    updated_at: iso(conversation.updatedAt),
  };
}

function settingsResource({ systemPrompt, topP, maxTokens, ...settings }: ChatSettings): ChatSettingsResource {
  return {
    ...settings,
    ...(systemPrompt !== undefined && { system_prompt: systemPrompt }),
    ...(topP !== undefined && { top_p: topP }),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
  };
}

export function itemResource({ createdAt: _, updatedAt, ...item }: UserItem): ItemResource {
  const facts = { id: item.id, updated_at: iso(updatedAt) };
  if (item.kind === 'share') return { ...facts, kind: 'share', conversation: item.number, title: item.title };
  if (item.kind === 'folder' || item.kind === 'prompt') return { ...item, ...facts };
  return { ...item, ...facts, settings: settingsResource(item.settings) };
}

export function sharedResource({ share, createdAt }: SharedBranch, branch: readonly BranchMessage[]): SharedResource {
  return {
    title: share.title,
    shared_at: iso(createdAt),
    messages: branch.toReversed().map(({ role, content, model, createdAt: at }) => ({
      role,
      content: role === 'assistant' ? splitToolCalls(content).text : content,
      model,
      created_at: iso(at),
    })),
  };
}

export function messageResource(message: BranchMessage): MessageResource {
  return {
    id: message.id,
    parent_id: message.parentId,
    role: message.role,
    content: message.content,
    reasoning: message.reasoning,
    state: message.pending ?? message.status,
    model: message.model,
    finish_reason: message.finishReason,
    receipt: message.receipt,
    feedback: message.feedback,
    siblings: [...message.siblings],
    created_at: iso(message.createdAt),
  };
}

/** Messages of all branches, with their siblings found among themselves. */
export function messageResources(messages: readonly Message[]): MessageResource[] {
  const children = Map.groupBy(messages, (message) => message.parentId);
  return messages.map((message) =>
    messageResource({
      ...message,
      pending: null,
      siblings: children.get(message.parentId)?.map((sibling) => sibling.id) ?? [],
    }),
  );
}

export async function generationResource(
  ports: { line: WaitingLine },
  generation: Generation,
): Promise<GenerationResource> {
  const waiting = await describeWaiting(ports, generation);
  return {
    id: generation.id,
    conversation: generation.conversationNumber,
    request_message_id: generation.requestMessageId,
    state: generation.state,
    lane: generation.lane,
    stream_endpoint: streamEndpoint(generation.id),
    check_endpoint: checkEndpoint(generation.id),
    waiting: waiting && { position: waiting.position, estimate_seconds: waiting.estimateSeconds },
    receipt: generation.receipt,
    error: generation.error,
  };
}

export function modelResource(model: ModelInfo, index: number): ModelResource {
  const { price = null, fallback = null, capabilities } = model;
  return {
    id: model.id,
    title: model.title,
    description: model.description,
    context_window: model.contextWindow,
    default: index === 0,
    default_temperature: model.defaultTemperature,
    suggestions: [...model.suggestions],
    price,
    stays_here: model.staysHere ?? false,
    fallback,
    capabilities: capabilities
      ? {
          tools: capabilities.tools,
          json_schema: capabilities.jsonSchema,
          reasoning: capabilities.reasoning,
        }
      : null,
  };
}

export function searchHitResource(hit: SearchHit): SearchHitResource {
  return {
    conversation: hit.conversationNumber,
    title: hit.conversationTitle,
    message_id: hit.messageId,
    role: hit.role,
    passage: hit.passage,
    created_at: iso(hit.createdAt),
  };
}

/** Only of what it was asked by. */
export function usageItem(sum: UsageSum, by: readonly UsageDimension[]) {
  return {
    ...Object.fromEntries(by.map((dimension) => [dimension, sum[dimension]])),
    generations: sum.generations,
    tokens: { prompt: sum.promptTokens, reused: sum.reusedTokens, completion: sum.completionTokens },
    cost: Number(sum.cost.toFixed(COST_DECIMALS)),
  };
}

export function storedDataResource(
  { conversations, messages, generations, usageDays }: Stored,
  items: readonly UserItem[],
): StoredDataResource {
  const of = (kind: UserItem['kind']): number => items.filter((item) => item.kind === kind).length;
  return {
    conversations: { ...conversations },
    messages: { ...messages },
    generations,
    items: {
      folders: of('folder'),
      assistants: of('assistant'),
      prompts: of('prompt'),
      shares: of('share'),
      defaults: of('defaults'),
    },
    usage_days: usageDays,
  };
}

export function deletionResource(receipt: DeletionReceipt): DeletionResource {
  const { id, begunAt, finishedAt, erased, cleared, databases } = receipt;
  return {
    id,
    begun_at: iso(begunAt),
    finished_at: finishedAt === null ? null : iso(finishedAt),
    erased: erased && {
      conversations: erased.conversations,
      messages: erased.messages,
      archived_messages: erased.archivedMessages,
      generations: erased.generations,
      idempotency_keys: erased.idempotencyKeys,
      usage_days: erased.usageDays,
      // A receipt from before there were any has none.
      items: erased.items ?? 0,
    },
    cleared: cleared && { stopped: cleared.stopped, contexts: cleared.contexts, token_logs: cleared.tokenLogs },
    databases: [...databases],
  };
}
