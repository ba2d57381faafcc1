import {
  type BranchMessage,
  type BranchPage,
  type Conversation,
  type ConversationChange,
  type ConversationPage,
  type Conversations,
  type Feedback,
  type Imported,
  type ImportedConversation,
  type Message,
  NOTHING_STORED,
  type SearchHit,
  type Stored,
} from '../../ports/conversations.ts';
import type { ConversationId, GenerationId, MessageId, UserId } from '../../ports/generations.ts';
import { ARCHIVED_OUTLINE, toArchivedRow } from './archive-chunk.ts';
import { findArchivedMessage, withThawed } from './archive-lookup.ts';
import { readBranch, readEvery, readHistory } from './branch-reads.ts';
import {
  CONVERSATION_COLUMNS,
  type ConversationRow,
  formatCursor,
  isConversationNumber,
  parseCursor,
  toConversation,
} from './conversation-row.ts';
import { readTree, type Span } from './conversation-tree.ts';
import { MESSAGE_COLUMNS, MESSAGE_JOIN, type MessageRow, toMessage } from './message-row.ts';
import { withPartitions } from './partitions.ts';
import { passageOf, wordsOf } from './passage.ts';
import type { Db, Statement, Value } from './pool.ts';
import type { Freshness, Shards } from './shards.ts';
import { isUuid, storable, toJsonb } from './text.ts';

const LIST: Statement = {
  name: 'list_conversations',
  text: `SELECT ${CONVERSATION_COLUMNS} FROM conversations AS c
    WHERE c.user_id = $1 AND c.deleted_at IS NULL AND c.number IS NOT NULL AND NOT c.temporary
      AND ($2::boolean IS NULL OR c.archived = $2) AND ($3::boolean IS NULL OR c.pinned = $3)
      AND ($7::text IS NULL OR coalesce(c.folder_id::text, 'none') = $7)
      AND (c.updated_at, c.number) < (coalesce(to_timestamp($4::double precision / 1000), 'infinity'), coalesce($5::integer, 0))
    ORDER BY c.updated_at DESC, c.number DESC LIMIT $6`,
};
const GET: Statement = {
  name: 'get_conversation',
  text: `SELECT ${CONVERSATION_COLUMNS} FROM conversations AS c
    WHERE c.user_id = $1 AND c.number = $2 AND c.deleted_at IS NULL`,
};
const SPAN_COLUMNS = `c.id, c.leaf_id, c.first_id, c.last_id, ${ARCHIVED_OUTLINE}`;
const SPAN: Statement = {
  name: 'span_of_conversation',
  text: `SELECT ${SPAN_COLUMNS} FROM conversations AS c
    WHERE c.user_id = $1 AND c.number = $2 AND c.deleted_at IS NULL`,
};
const SPAN_BY_ID: Statement = {
  name: 'span_of_conversation_by_id',
  text: `SELECT ${SPAN_COLUMNS} FROM conversations AS c WHERE c.user_id = $1 AND c.id = $2 AND c.deleted_at IS NULL`,
};
const MESSAGE: Statement = {
  name: 'get_message',
  text: `SELECT ${MESSAGE_COLUMNS} FROM messages AS m
    CROSS JOIN LATERAL (SELECT FROM conversations AS c
      WHERE c.user_id = m.user_id AND c.id = m.conversation_id AND c.deleted_at IS NULL OFFSET 0) AS conversation
    ${MESSAGE_JOIN} WHERE m.id = $1 AND m.user_id = $2`,
};
const UPDATE: Statement = {
  name: 'update_conversation',
  text: 'SELECT home, changed FROM update_conversation($1, $2, $3)',
};
const REMOVE: Statement = {
  name: 'remove_conversation',
  text: 'SELECT home, unfinished FROM remove_conversation($1, $2)',
};
const IMPORT: Statement = {
  name: 'import_conversation',
  text: `SELECT home, outcome, number FROM import_conversation($1, $2, $3, $4, $5,
    to_timestamp($6::double precision / 1000), to_timestamp($7::double precision / 1000), $8)`,
};
const SET_FEEDBACK: Statement = {
  name: 'set_feedback',
  text: 'SELECT home, changed FROM set_feedback($1, $2, $3, $4)',
};

/** Ranking reads every match, so only so many of the newest are ranked. */
const MAX_RANKED = 500;
const SEARCH: Statement = {
  name: 'search',
  text: `SELECT newest.*, ts_rank(message_words(newest.content), plainto_tsquery('simple', $2)) AS rank FROM (
      SELECT m.id, m.role, left(m.content, 20000) AS content, m.created_at, c.number, c.title
      FROM messages AS m
      JOIN conversations AS c ON c.user_id = m.user_id AND c.id = m.conversation_id AND c.deleted_at IS NULL AND c.number IS NOT NULL AND NOT c.temporary
      WHERE m.user_id = $1 AND message_words(m.content) @@ plainto_tsquery('simple', $2)
      ORDER BY m.id DESC LIMIT ${MAX_RANKED}
    ) AS newest ORDER BY rank DESC, newest.created_at DESC, newest.id DESC LIMIT $3`,
};

/** What is not stored has no number. */
const STORED: Statement = {
  name: 'stored_of_user',
  text: `SELECT jsonb_build_object(
    'conversations', (SELECT jsonb_build_object(
      'kept', count(*) FILTER (WHERE deleted_at IS NULL AND NOT temporary),
      'archived', count(*) FILTER (WHERE deleted_at IS NULL AND NOT temporary AND archived),
      'temporary', count(*) FILTER (WHERE deleted_at IS NULL AND temporary),
      'deleted', count(*) FILTER (WHERE deleted_at IS NOT NULL AND purged_at IS NULL))
      FROM conversations WHERE user_id = $1 AND number IS NOT NULL),
    'messages', (SELECT jsonb_build_object('recent', recent.count, 'archived', packed.count, 'bytes', recent.bytes + packed.bytes)
      FROM (SELECT count(*), coalesce(sum(pg_column_size(content) + pg_column_size(reasoning)), 0) AS bytes
        FROM messages WHERE user_id = $1) AS recent,
        (SELECT coalesce(sum(messages), 0) AS count, coalesce(sum(packed_bytes), 0) AS bytes
        FROM message_archive WHERE user_id = $1) AS packed),
    'generations', (SELECT count(*) FROM generations WHERE user_id = $1),
    'usageDays', (SELECT count(*) FROM usage_daily WHERE user_id = $1)) AS stored`,
};

type Changed = { home: string | null; changed: string | null };
type HitRow = {
  id: string;
  role: 'user' | 'assistant';
  content: string;
  created_at: number;
  number: number;
  title: string;
};

export class PostgresConversations implements Conversations {
  readonly #shards: Shards;

  constructor(shards: Shards) {
    this.#shards = shards;
  }

  async list(userId: UserId, page: ConversationPage): Promise<{ items: readonly Conversation[]; next: string | null }> {
    const after = page.after === undefined ? null : parseCursor(page.after);
    const values = [
      userId,
      page.archived ?? null,
      page.pinned ?? null,
      after?.updatedAt ?? null,
      after?.number ?? null,
      page.limit + 1,
      page.folder ?? null,
    ];
    const rows = await this.#rows<ConversationRow>(userId, after ? 'settled' : 'newest', LIST, values);
    const items = rows.slice(0, page.limit);
    const last = items.at(-1);
    return { items: items.map(toConversation), next: last && rows.length > items.length ? formatCursor(last) : null };
  }

  async get(userId: UserId, number: number): Promise<Conversation | null> {
    if (!isConversationNumber(number)) return null;
    const [row] = await this.#rows<ConversationRow>(userId, 'newest', GET, [userId, number]);
    return row ? toConversation(row) : null;
  }

  async update(userId: UserId, number: number, change: ConversationChange): Promise<Conversation | null> {
    if (!isConversationNumber(number)) return null;
    const row = await this.#write<Changed>(userId, UPDATE, [userId, number, toJsonb(change)]);
    return row?.changed ? await this.get(userId, number) : null;
  }

  async import(userId: UserId, imported: ImportedConversation): Promise<Imported | null> {
    const { id, source, title, archived, createdAt, updatedAt, messages } = imported;
    const rows = messages.map(({ parentId, createdAt: at, ...message }) => ({
      ...message,
      parent: parentId,
      at: new Date(at).toISOString(),
    }));
    const values = [userId, id, storable(source), storable(title), archived, createdAt, updatedAt, toJsonb(rows)];
    const ids = messages.map((message) => message.id);
    type Row = { home: string | null; outcome: 'imported' | 'known'; number: number };
    const row = await this.#shards.atHome(
      userId,
      (db) => withPartitions(db, ids, async () => (await db.query<Row>(IMPORT, values))[0]!),
      { isAway: ({ home }) => home !== 'active' },
    );
    return row && { number: row.number, isNew: row.outcome === 'imported' };
  }

  async remove(userId: UserId, number: number): Promise<readonly GenerationId[] | null> {
    if (!isConversationNumber(number)) return null;
    type Removed = { home: string; unfinished: string[] | null };
    const row = await this.#write<Removed>(userId, REMOVE, [userId, number]);
    return row?.unfinished ?? null;
  }

  async branch(userId: UserId, number: number, page: BranchPage): Promise<readonly BranchMessage[] | null> {
    if (!isConversationNumber(number)) return null;
    // The newest page, and where a branch goes on, are what was just written; what is above them has settled.
    const freshness = page.before !== undefined && page.through === undefined ? 'settled' : 'newest';
    return await this.#shards.read<readonly BranchMessage[] | null>(userId, freshness, null, (db) =>
      readTree(db, spanOf(db, SPAN, [userId, number]), (tree) => readBranch(tree, page)),
    );
  }

  async history(
    userId: UserId,
    conversationId: ConversationId,
    leaf: MessageId,
    limit: number,
  ): Promise<readonly Message[]> {
    const find = (db: Db) => spanOf(db, SPAN_BY_ID, [userId, conversationId]);
    return await this.#shards.read<readonly Message[]>(
      userId,
      'newest',
      [],
      async (db) => (await readTree(db, find(db), (tree) => readHistory(tree, leaf, limit))) ?? [],
    );
  }

  async message(userId: UserId, id: MessageId): Promise<Message | null> {
    if (!isUuid(id)) return null;
    return await this.#shards.read<Message | null>(userId, 'newest', null, async (db) => {
      const live = async () => (await db.query<MessageRow>(MESSAGE, [id, userId]))[0];
      const archived = async () => {
        const form = await findArchivedMessage(db, userId, id);
        return form ? toArchivedRow(form) : undefined;
      };
      // A last look: it may have been on its way back.
      const row = (await live()) ?? (await archived()) ?? (await live());
      return row ? toMessage(row) : null;
    });
  }

  async all(userId: UserId, number: number): Promise<readonly Message[] | null> {
    if (!isConversationNumber(number)) return null;
    return await this.#shards.read<readonly Message[] | null>(userId, 'newest', null, (db) =>
      readTree(db, spanOf(db, SPAN, [userId, number]), readEvery),
    );
  }

  async setFeedback(userId: UserId, number: number, messageId: MessageId, feedback: Feedback | null): Promise<boolean> {
    if (!isConversationNumber(number) || !isUuid(messageId)) return false;
    const values = [userId, number, messageId, feedback && toJsonb(feedback)];
    const row = await this.#shards.atHome(
      userId,
      (db) =>
        withThawed(
          db,
          { userId, number, messageId },
          async () => (await db.query<Changed>(SET_FEEDBACK, values))[0]!,
          ({ home, changed }) => home === 'active' && changed === null,
        ),
      { isAway: ({ home }) => home !== 'active' },
    );
    return row !== null && row.changed !== null;
  }

  async stored(userId: UserId): Promise<Stored> {
    const [row] = await this.#rows<{ stored: Stored }>(userId, 'settled', STORED, [userId]);
    return row?.stored ?? NOTHING_STORED;
  }

  async search(userId: UserId, query: string, limit: number): Promise<readonly SearchHit[]> {
    const words = wordsOf(query);
    if (words.length === 0) return [];
    const rows = await this.#rows<HitRow>(userId, 'settled', SEARCH, [userId, words.join(' '), limit]);
    return rows.map((row) => ({
      conversationNumber: row.number,
      conversationTitle: row.title,
      messageId: row.id,
      role: row.role,
      passage: passageOf(row.content, words),
      createdAt: row.created_at,
    }));
  }

  async #rows<Row extends object>(
    userId: UserId,
    freshness: Freshness,
    statement: Statement,
    values: readonly Value[],
  ): Promise<Row[]> {
    return await this.#shards.read<Row[]>(userId, freshness, [], (db) => db.query<Row>(statement, values));
  }

  async #write<Row extends { home: string | null }>(
    userId: UserId,
    statement: Statement,
    values: readonly Value[],
  ): Promise<Row | null> {
    return await this.#shards.atHome(userId, async (db) => (await db.query<Row>(statement, values))[0]!, {
      isAway: ({ home }) => home !== 'active',
    });
  }
}

function spanOf(db: Db, statement: Statement, values: readonly Value[]): () => Promise<Span | null> {
  return async () => (await db.query<Span>(statement, values))[0] ?? null;
}
