import { setTimeout as sleep } from 'node:timers/promises';
import type { ConversationId, MessageId, UserId } from '../../ports/generations.ts';
import { type ArchivedForm, md5, type PackedRow, pack, unpackLines } from './archive-chunk.ts';
import type { Db, Statement } from './pool.ts';

/** `rawBytes`: of the rows as they stood in their tables, indexes not counted. */
export type Archived = { messages: number; rawBytes: number; packedBytes: number };
export type ArchivedMonths = Archived & { dropped: readonly string[] };

type Month = { name: string; from_id: MessageId; before_id: MessageId };
type Target = { user_id: UserId; conversation_id: ConversationId };
type LiveRow = { id: MessageId; form: string; raw_bytes: number };
type ChunkRow = PackedRow & { from_id: MessageId; messages: number; raw_bytes: number };

const OLD_MONTHS: Statement = {
  name: 'old_months',
  text: `SELECT name, uuid_floor(month::timestamp AT TIME ZONE 'UTC')::text AS from_id,
      uuid_floor((month + interval '1 month') AT TIME ZONE 'UTC')::text AS before_id
    FROM message_partitions()
    WHERE month < date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => $1) ORDER BY month`,
};
const CONVERSATIONS: Statement = {
  name: 'conversations_of_month',
  text: `SELECT DISTINCT ON (m.conversation_id) m.conversation_id, m.user_id FROM messages AS m
    WHERE m.id >= $1 AND m.id < $2 AND m.conversation_id > $3 ORDER BY m.conversation_id LIMIT $4`,
};
const LIVE: Statement = {
  name: 'archivable_messages',
  text: 'SELECT id, form, raw_bytes FROM archivable_messages($1, $2, $3, $4, $5, $6)',
};
const FIRST_CHUNK: Statement = {
  name: 'first_chunk_in_range',
  text: `SELECT to_id, from_id, messages, raw_bytes, codec, payload FROM message_archive
    WHERE conversation_id = $1 AND from_id <= $3 AND to_id >= $2 ORDER BY to_id LIMIT 1`,
};
const ARCHIVE: Statement = {
  name: 'archive_messages',
  text: `SELECT archive_messages($1, $2, $3, $4, $5::uuid[], $6, $7::uuid[], $8, $9, $10, $11::smallint, $12, $13,
    $14::uuid[], $15::uuid[],
    ARRAY(SELECT nullif(parent, '')::uuid FROM unnest($16::text[]) WITH ORDINALITY AS p (parent, place) ORDER BY place)) AS outcome`,
};
const DROP: Statement = { name: 'drop_empty_partition', text: 'SELECT drop_empty_partition($1) AS dropped' };
const TOTALS: Statement = {
  name: 'archive_totals',
  text: `SELECT coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(raw_bytes), 0)::bigint AS "rawBytes",
    coalesce(sum(packed_bytes), 0)::bigint AS "packedBytes" FROM message_archive`,
};

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const CONVERSATIONS_PER_PAGE = 200;
/** A page of history unpacks one chunk, or two. */
const CHUNK_MESSAGES = 500;
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Conversations at once; more would be felt by those who chat. */
const PACKERS = 2;
const MAX_CHANGES = 3;
const DROP_TRIES = 10;
const DROP_PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Packs what is older than this many whole months, conversation by conversation, and drops the partitions that
 * are empty afterwards. Each chunk takes the place of its messages in one transaction, so whoever is killed has
 * lost and doubled nothing; and archivers that work at once do each other's work or none.
 */
export async function archiveMonths(
  db: Db,
  months: number,
  signal: AbortSignal,
  onProgress: (sofar: Archived) => void = () => {},
): Promise<ArchivedMonths> {
  const sofar = { messages: 0, rawBytes: 0, packedBytes: 0 };
  const dropped: string[] = [];
  for (const month of await db.query<Month>(OLD_MONTHS, [months])) {
    const targets = conversationsOf(db, month);
    const work = async () => {
      for (let next = await targets.next(); !next.done && !signal.aborted; next = await targets.next()) {
        await archiveConversation(db, month, next.value, sofar);
        onProgress(sofar);
      }
    };
    await Promise.all(Array.from({ length: PACKERS }, work));
    if (signal.aborted) break;
    if (await dropWhereEmpty(db, month, signal)) dropped.push(month.name);
  }
  return { ...sofar, dropped };
}

/** What the archives of this database hold. */
export async function archiveTotals(db: Db): Promise<Archived> {
  return (await db.query<Archived>(TOTALS, []))[0]!;
}

async function* conversationsOf(db: Db, { from_id, before_id }: Month): AsyncGenerator<Target, void> {
  for (let after = FIRST_ID; ; ) {
    const page = await db.query<Target>(CONVERSATIONS, [from_id, before_id, after, CONVERSATIONS_PER_PAGE]);
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.conversation_id;
  }
}

async function archiveConversation(db: Db, month: Month, target: Target, sofar: Archived): Promise<void> {
  for (let changes = 0; changes < MAX_CHANGES; ) {
    const rows = await db.query<LiveRow>(LIVE, [
      target.user_id,
      target.conversation_id,
      month.from_id,
      month.before_id,
      CHUNK_MESSAGES,
      CHUNK_BYTES,
    ]);
    if (rows.length === 0) return;
    const outcome = await archiveOldest(db, month, target, rows, sofar);
    if (outcome === 'away') return;
    if (outcome === 'changed') changes++;
  }
}

/** The first of these rows, up to where a chunk of before lies; those within its range go into it. */
async function archiveOldest(
  db: Db,
  month: Month,
  { user_id, conversation_id }: Target,
  rows: readonly LiveRow[],
  sofar: Archived,
): Promise<'archived' | 'changed' | 'away'> {
  const [first, last] = [rows[0]!.id, rows.at(-1)!.id];
  const [chunk] = await db.query<ChunkRow>(FIRST_CHUNK, [conversation_id, first, last]);
  const mergesWith = chunk && chunk.from_id <= first ? chunk : null;
  const packed = rows.filter(({ id }) => !chunk || id < (mergesWith ? chunk.to_id : chunk.from_id));
  const lines = packed.map(({ form }) => form);
  const digest = md5(lines.join('\n'));
  const rawBytes = packed.reduce((sum, row) => sum + row.raw_bytes, 0);
  const { all, forms } = mergeForms(lines, mergesWith ? await unpackLines(mergesWith) : []);
  const { codec, payload } = await pack(all);
  const entries = entriesOf(forms);
  const [row] = await db.query<{ outcome: 'archived' | 'changed' | 'away' }>(ARCHIVE, [
    user_id,
    conversation_id,
    month.from_id,
    month.before_id,
    packed.map(({ id }) => id),
    digest,
    mergesWith ? [mergesWith.to_id] : [],
    forms.at(-1)!.message.id,
    forms[0]!.message.id,
    forms.length,
    codec,
    rawBytes + (mergesWith?.raw_bytes ?? 0),
    payload,
    forms.flatMap(({ message }) => (message.role === 'assistant' ? [message.id] : [])),
    entries.map(({ message }) => message.id),
    entries.map(({ message }) => message.parent_id ?? ''),
  ]);
  if (row!.outcome === 'archived') {
    sofar.messages += packed.length;
    sofar.rawBytes += rawBytes;
    sofar.packedBytes += payload.length - (mergesWith?.payload.length ?? 0);
  }
  return row!.outcome;
}

/** In the order of their ids. */
function mergeForms(lines: readonly string[], before: readonly string[]): { all: string[]; forms: ArchivedForm[] } {
  const parsed = [...lines, ...before].map((line) => ({ line, form: JSON.parse(line) as ArchivedForm }));
  parsed.sort((a, b) => (a.form.message.id < b.form.message.id ? -1 : 1));
  return { all: parsed.map(({ line }) => line), forms: parsed.map(({ form }) => form) };
}

function entriesOf(forms: readonly ArchivedForm[]): ArchivedForm[] {
  const here = new Set(forms.map(({ message }) => message.id));
  return forms.filter(({ message }) => message.parent_id === null || !here.has(message.parent_id));
}

async function dropWhereEmpty(db: Db, { name }: Month, signal: AbortSignal): Promise<boolean> {
  for (let tries = 0; tries < DROP_TRIES && !signal.aborted; tries++) {
    try {
      const [row] = await db.query<{ dropped: boolean }>(DROP, [name]);
      return row!.dropped;
    } catch (error) {
      // Somebody reads or writes for long; the next archiver drops it then.
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      await sleep(DROP_PAUSE_MS);
    }
  }
  return false;
}
