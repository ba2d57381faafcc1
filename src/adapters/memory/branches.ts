import type { BranchMessage, Message } from '../../ports/conversations.ts';
import type { MessageId } from '../../ports/generations.ts';
import type { ConversationRow, GenerationRow } from './database.ts';

/** The messages of a conversation as a tree. A generation that is not finished is its own future message. */
export type MessageTree = ReadonlyMap<MessageId, TreeMessage>;
export type TreeMessage = Message & { pending: 'queued' | 'running' | null };

export function messageTree(conversation: ConversationRow): MessageTree {
  const tree = new Map<MessageId, TreeMessage>();
  for (const message of conversation.messages.values()) tree.set(message.id, { ...message, pending: null });
  for (const row of conversation.user.active) {
    if (row.conversation === conversation) tree.set(row.id, pendingMessage(row));
  }
  return tree;
}

function pendingMessage(row: GenerationRow): TreeMessage {
  return {
    id: row.id,
    parentId: row.requestMessageId,
    role: 'assistant',
    content: '',
    reasoning: '',
    status: 'done',
    model: null,
    finishReason: null,
    epochs: [],
    receipt: null,
    feedback: null,
    createdAt: row.createdAt,
    pending: row.state === 'running' ? 'running' : 'queued',
  };
}

/** Ids are UUIDv7: their order is the order of making. */
export function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Of the whole tree, or of what descends from `through` (itself included). */
export function newestLeaf(tree: MessageTree, through?: MessageId): MessageId | null {
  const parents = new Set([...tree.values()].map((message) => message.parentId));
  const leaves = [...tree.values()].filter((message) => !parents.has(message.id)).sort(byId);
  const leads = (leaf: TreeMessage) => !through || ancestors(tree, leaf.id).some((message) => message.id === through);
  return leaves.findLast(leads)?.id ?? null;
}

/** From `leaf` (included) up to the root. */
export function ancestors(tree: MessageTree, leaf: MessageId | null): readonly TreeMessage[] {
  const path: TreeMessage[] = [];
  for (let message = at(tree, leaf); message; message = at(tree, message.parentId)) path.push(message);
  return path;
}

function at(tree: MessageTree, id: MessageId | null): TreeMessage | undefined {
  return id === null ? undefined : tree.get(id);
}

export function withSiblings(tree: MessageTree, message: TreeMessage): BranchMessage {
  const siblings = [...tree.values()].filter((other) => other.parentId === message.parentId).sort(byId);
  return { ...message, siblings: siblings.map((sibling) => sibling.id) };
}
