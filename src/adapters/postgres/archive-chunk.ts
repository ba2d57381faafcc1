import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { Feedback, MessageStatus } from '../../ports/conversations.ts';
import type { ConversationId, MessageId } from '../../ports/generations.ts';
import type { EpochStart } from '../../protocol/position.ts';
import { GENERATION_COLUMNS, type GenerationRow } from './generation-row.ts';
import type { MessageRow } from './message-row.ts';
import type { Db, Statement } from './pool.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** JSON lines of messages, compressed with zstd. */
const JSON_ZSTD = 1;
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };
/** Far above what is ever packed: it bounds what a damaged payload can unfold to. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/** A message as `archived_form` writes it: columns by their names, times as text. */
export type ArchivedForm = {
  message: {
    id: MessageId;
    parent_id: MessageId | null;
    role: 'user' | 'assistant';
    status: MessageStatus;
    content: string;
    reasoning: string;
    epochs: EpochStart[];
    feedback: Feedback | null;
    created_at: string;
  };
  generation: Record<string, unknown> | null;
};

/** Of a conversation, what can be said of a chunk without unpacking it. `entries`: messages whose parent is elsewhere. */
export type ChunkOutline = {
  to_id: MessageId;
  from_id: MessageId;
  packed_at: string;
  entry_ids: MessageId[];
  entry_parents: (MessageId | null)[];
};

/** Of `conversations AS c`: null where nothing of it is archived. */
export const ARCHIVED_OUTLINE = `(SELECT json_agg(json_build_object('to_id', a.to_id, 'from_id', a.from_id,
    'packed_at', a.created_at::text, 'entry_ids', a.entry_ids, 'entry_parents', a.entry_parents) ORDER BY a.to_id)
  FROM message_archive AS a WHERE a.conversation_id = c.id) AS archived`;

export type PackedRow = { to_id: MessageId; codec: number; payload: Buffer };

const PAYLOAD: Statement = {
  name: 'archived_payload',
  text: 'SELECT to_id, codec, payload FROM message_archive WHERE conversation_id = $1 AND to_id = $2',
};

/** Empty where it is no longer there. */
export async function readChunk(db: Db, conversation: ConversationId, toId: MessageId): Promise<ArchivedForm[]> {
  const [row] = await db.query<PackedRow>(PAYLOAD, [conversation, toId]);
  return row ? await unpack(row) : [];
}

export async function pack(lines: readonly string[]): Promise<{ codec: number; payload: Buffer }> {
  return { codec: JSON_ZSTD, payload: await compress(Buffer.from(lines.join('\n')), LEVEL) };
}

export async function unpackLines({ codec, payload }: Pick<PackedRow, 'codec' | 'payload'>): Promise<string[]> {
  if (codec !== JSON_ZSTD) throw new Error(`an archive of form ${codec}: it was packed by a later version`);
  return (await decompress(payload, { maxOutputLength: MAX_UNPACKED_BYTES })).toString().split('\n');
}

export async function unpack(packed: Pick<PackedRow, 'codec' | 'payload'>): Promise<ArchivedForm[]> {
  return (await unpackLines(packed)).map((line) => JSON.parse(line) as ArchivedForm);
}

/** As PostgreSQL's `md5` says it. */
export function md5(content: string | Uint8Array): string {
  return createHash('md5').update(content).digest('hex');
}

/** The row that the same message had while it was live. */
export function toArchivedRow({ message, generation }: ArchivedForm): MessageRow {
  const { id, created_at, ...rest } = message;
  const of = generation && toGenerationRow(generation);
  return { ...(of ?? NO_GENERATION), ...rest, message_id: id, stored_at: Date.parse(created_at) } as MessageRow;
}

const TIMES = new Set<string>(['created_at', 'claimed_at', 'finished_at'] satisfies (keyof GenerationRow)[]);

export function toGenerationRow(columns: Record<string, unknown>): GenerationRow {
  const row = GENERATION_COLUMNS.map((name) => {
    const value = columns[name] ?? null;
    return [name, TIMES.has(name) && value !== null ? Date.parse(value as string) : value] as const;
  });
  return Object.fromEntries(row) as unknown as GenerationRow;
}

const NO_GENERATION = Object.fromEntries(GENERATION_COLUMNS.map((name) => [name, null]));
