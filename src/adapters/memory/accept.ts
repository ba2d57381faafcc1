import type { MessageId } from '../../ports/generations.ts';
import type { Acceptance } from '../../ports/outbox.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { GenerationParams } from '../../protocol/generation.ts';
import { type MessageTree, messageTree, newestLeaf } from './branches.ts';
import type { ConversationRow, GenerationRow, MemoryDatabase, UserRow } from './database.ts';
import { storedText } from './stored-text.ts';

/** Writes nothing unless it writes everything. */
export function acceptGeneration(database: MemoryDatabase, user: UserRow, acceptance: Acceptance): GenerationRow {
  const { conversation: into, request } = acceptance;
  const existing = 'number' in into ? database.conversation(user.id, into.number) : null;
  if ('number' in into && !existing) throw new ChatError('conversation_not_found');
  const tree: MessageTree = existing ? messageTree(existing) : new Map();
  const parentId = request.kind === 'message' ? parentOf(tree, request.parentId) : null;
  const answeredId = request.kind === 'regenerate' ? questionAt(tree, request.messageId) : request.id;
  if (database.generations.has(acceptance.generationId) || (request.kind === 'message' && tree.has(request.id))) {
    throw new Error('an id was used twice');
  }

  const conversation = existing ?? addConversation(database, user, into as NewConversation);
  if (request.kind === 'message') addQuestion(database, conversation, request.id, request.content, parentId);
  conversation.updatedAt = database.now();
  return addGeneration(database, conversation, acceptance, answeredId);
}

function parentOf(tree: MessageTree, parentId: MessageId | null | undefined): MessageId | null {
  if (parentId === undefined) return newestLeaf(tree);
  if (parentId !== null && !tree.has(parentId)) throw new ChatError('message_not_found');
  return parentId;
}

/** The user message itself, or the one above an assistant message. */
function questionAt(tree: MessageTree, messageId: MessageId): MessageId {
  const message = tree.get(messageId);
  const id = message?.role === 'assistant' ? message.parentId : message?.id;
  if (!id) throw new ChatError('message_not_found');
  return id;
}

type NewConversation = Extract<Acceptance['conversation'], { newId: string }>;

function addConversation(
  database: MemoryDatabase,
  user: UserRow,
  { newId, title, transient = false, begin = {} }: NewConversation,
): ConversationRow {
  const now = database.now();
  const conversation: ConversationRow = {
    id: newId,
    user,
    number: transient ? 0 : user.nextNumber,
    title: storedText(title),
    pinned: false,
    archived: false,
    folderId: begin.folderId && user.items.get(begin.folderId)?.kind === 'folder' ? begin.folderId : null,
    temporary: begin.temporary ?? false,
    settings: structuredClone(begin.settings ?? {}),
    source: null,
    deleted: false,
    messages: new Map(),
    createdAt: now,
    updatedAt: now,
  };
  if (transient) user.transient.set(newId, conversation);
  else {
    user.nextNumber += 1;
    user.conversations.set(conversation.number, conversation);
  }
  return conversation;
}

function addQuestion(
  database: MemoryDatabase,
  conversation: ConversationRow,
  id: MessageId,
  content: string,
  parentId: MessageId | null,
): void {
  conversation.messages.set(id, {
    id,
    parentId,
    role: 'user',
    content: storedText(content),
    reasoning: '',
    status: 'done',
    model: null,
    finishReason: null,
    epochs: [],
    receipt: null,
    feedback: null,
    createdAt: database.now(),
  });
}

function addGeneration(
  database: MemoryDatabase,
  conversation: ConversationRow,
  acceptance: Acceptance,
  requestMessageId: MessageId,
): GenerationRow {
  const now = database.now();
  const { user } = conversation;
  const row: GenerationRow = {
    id: acceptance.generationId,
    user,
    conversation,
    requestMessageId,
    line: database.nextSerial(),
    lane: acceptance.lane,
    direct: acceptance.direct,
    params: storedParams(acceptance.params),
    prompt: acceptance.prompt ?? null,
    webhook:
      acceptance.webhookUrl === undefined
        ? null
        : { url: acceptance.webhookUrl, dueAt: null, attempts: 0, isDead: false, error: '' },
    state: 'queued',
    epoch: 0,
    owner: null,
    ownerLocked: false,
    leaseUntil: now,
    attempts: 0,
    takeovers: 0,
    stopRequested: false,
    ticket: null,
    positionAtArrival: acceptance.positionAtArrival,
    createdAt: now,
    claimedAt: null,
    finishedAt: null,
    dueAt: now,
    dispatchedAt: null,
    publishedAt: null,
    sweeps: 0,
    sweepDueAt: now,
    model: null,
    finishReason: null,
    receipt: null,
    length: null,
    error: null,
    deadLetter: false,
  };
  database.generations.set(row.id, row);
  user.active.add(row);
  if (acceptance.idempotency) {
    user.idempotency.set(acceptance.idempotency.key, { bodyHash: acceptance.idempotency.bodyHash, generation: row });
  }
  return row;
}

function storedParams(params: GenerationParams): GenerationParams {
  return params.context ? { ...params, context: params.context.map(storedText) } : { ...params };
}
