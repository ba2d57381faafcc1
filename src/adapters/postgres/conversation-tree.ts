import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { ConversationId, MessageId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { ChunkOutline } from './archive-chunk.ts';
import { ArchivedTree } from './archived-tree.ts';
import type { Db } from './pool.ts';

/** Where a conversation's messages lie. All ids are between `first_id` and `last_id`, which bounds the partitions read. */
export type Span = {
  id: ConversationId;
  leaf_id: MessageId | null;
  first_id: MessageId;
  last_id: MessageId;
  archived: ChunkOutline[] | null;
};

/** A conversation being read, live and archived. `hasMissed`: something was not where its neighbours said. */
export type ConversationTree = { db: Db; span: Span; archive: ArchivedTree; hasMissed: boolean };

/** A conversation of many years is archived chunk by chunk, some milliseconds each. */
const MAX_LOOKS = 40;
const LOOK_BASE_MS = 1;
const LOOK_MAX_MS = 100;

/**
 * Reads in several statements what an archiver may pass from live to archived between two of them: where that
 * could have been, and was, it reads again. Null: there is no such conversation.
 */
export async function readTree<T>(
  db: Db,
  findSpan: () => Promise<Span | null>,
  read: (tree: ConversationTree) => Promise<T>,
): Promise<T | null> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const span = await findSpan();
    if (!span) return null;
    const tree = { db, span, archive: new ArchivedTree(db, span.id, span.archived ?? []), hasMissed: false };
    const [result] = await Promise.allSettled([read(tree)]);
    const isSure = tree.archive.isEmpty && !tree.hasMissed;
    if (isSure || isSameOutline(span, await findSpan())) {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    }
    await sleep(backoffMs(look, LOOK_BASE_MS, LOOK_MAX_MS, Math.random()));
  }
  throw new ChatError('database_unavailable', { retryAfterSeconds: 1, details: { reason: 'it is being archived' } });
}

function isSameOutline(before: Span, after: Span | null): boolean {
  return after !== null && JSON.stringify(before.archived) === JSON.stringify(after.archived);
}

export function bounds(span: Span): string[] {
  return [span.id, span.first_id, span.last_id];
}
