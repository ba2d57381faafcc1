import type { Clock } from '../ports/clock.ts';
import type { Conversations, Imported } from '../ports/conversations.ts';
import type { Directory } from '../ports/directory.ts';
import type { WorkspaceId } from '../ports/generations.ts';
import { ChatError } from '../protocol/errors.ts';

/** `parent`: a place in the list. Times in milliseconds since 1970; null: not known. */
export type ImportRequest = {
  workspaceId: WorkspaceId;
  externalUserId: string;
  source: string;
  title: string;
  archived: boolean;
  createdAt: number | null;
  updatedAt: number | null;
  messages: readonly { parent: number | null; role: 'user' | 'assistant'; content: string; createdAt: number | null }[];
};

/** A conversation that was held elsewhere. Throws `invalid_request` where its messages make no tree of turns. */
export async function importConversation(
  ports: { clock: Clock; directory: Directory; conversations: Conversations },
  { workspaceId, externalUserId, messages, ...facts }: ImportRequest,
): Promise<Imported> {
  refuseNoTree(messages);
  const { clock } = ports;
  const userId = await ports.directory.ensureUser(workspaceId, externalUserId);
  const now = clock.now();
  const id = clock.newId();
  // Later ids for later messages: their order is the order of making.
  const ids = messages.map(() => clock.newId());
  // Nothing was said in the future, whatever a file says.
  const past = (time: number | null, otherwise: number) => Math.min(time ?? otherwise, now);
  const createdAt = past(facts.createdAt, now);
  const imported = await ports.conversations.import(userId, {
    ...facts,
    id,
    createdAt,
    updatedAt: Math.max(createdAt, past(facts.updatedAt, now)),
    messages: messages.map(({ parent, role, content, createdAt: at }, index) => ({
      id: ids[index]!,
      parentId: parent === null ? null : ids[parent]!,
      role,
      content,
      createdAt: past(at, createdAt),
    })),
  });
  if (!imported) throw new ChatError('database_unavailable', { retryAfterSeconds: 1 });
  return imported;
}

function refuseNoTree(messages: ImportRequest['messages']): void {
  messages.forEach(({ parent, role }, index) => {
    const before = parent === null ? null : messages[parent];
    const isChild = before !== undefined && (parent === null || parent < index);
    if (isChild && (before?.role ?? 'assistant') !== role) return;
    throw new ChatError('invalid_request', {
      details: { [`messages.${index}.parent`]: 'must be an earlier message, of the other role' },
    });
  });
}
