import type { ConversationId, GenerationId, MessageId, UserId } from '../../ports/generations.ts';
import { type ArchivedForm, md5, type PackedRow, readChunk, toGenerationRow, unpack } from './archive-chunk.ts';
import type { GenerationRow } from './generation-row.ts';
import { withPartitions } from './partitions.ts';
import type { Db, Statement } from './pool.ts';

type Place = { conversation_id: ConversationId; to_id: MessageId };

const CHUNKS_OF_USER: Statement = {
  name: 'chunks_around_message',
  text: `SELECT a.conversation_id, a.to_id FROM message_archive AS a
    JOIN conversations AS c ON c.user_id = a.user_id AND c.id = a.conversation_id AND c.deleted_at IS NULL
    WHERE a.user_id = $1 AND a.from_id <= $2 AND a.to_id >= $2 ORDER BY (a.answers @> ARRAY[$2::uuid]) DESC`,
};
const CHUNK_OF_ANSWER: Statement = {
  name: 'chunk_of_answer',
  text: `SELECT a.conversation_id, a.to_id, coalesce(home.epoch, 0) AS home_epoch FROM message_archive AS a
    JOIN conversations AS c ON c.user_id = a.user_id AND c.id = a.conversation_id AND c.deleted_at IS NULL
    LEFT JOIN user_home AS home ON home.user_id = a.user_id
    WHERE a.answers @> ARRAY[$1::uuid] AND home.state IS DISTINCT FROM 'gone'`,
};
const CHUNK_TO_THAW: Statement = {
  name: 'chunk_to_thaw',
  text: `SELECT a.conversation_id, a.to_id, a.codec, a.payload FROM message_archive AS a
    JOIN conversations AS c ON c.user_id = a.user_id AND c.id = a.conversation_id
    WHERE c.user_id = $1 AND c.number = $2 AND c.deleted_at IS NULL AND a.from_id <= $3 AND a.to_id >= $3`,
};
const THAW: Statement = { name: 'thaw_messages', text: 'SELECT thaw_messages($1, $2, $3, $4, $5) AS outcome' };

/** By its id alone: an answer's is found at once, a question's among the user's chunks of that month. */
export async function findArchivedMessage(db: Db, userId: UserId, id: MessageId): Promise<ArchivedForm | null> {
  for (const place of await db.query<Place>(CHUNKS_OF_USER, [userId, id])) {
    const found = await findIn(db, place, id);
    if (found) return found;
  }
  return null;
}

export async function findArchivedGeneration(
  db: Db,
  id: GenerationId,
): Promise<(GenerationRow & { home_epoch: number }) | null> {
  const [place] = await db.query<Place & { home_epoch: number }>(CHUNK_OF_ANSWER, [id]);
  const generation = place && (await findIn(db, place, id))?.generation;
  return generation ? { ...toGenerationRow(generation), home_epoch: place.home_epoch } : null;
}

async function findIn(db: Db, place: Place, id: MessageId): Promise<ArchivedForm | null> {
  const forms = await readChunk(db, place.conversation_id, place.to_id);
  return forms.find(({ message }) => message.id === id.toLowerCase()) ?? null;
}

const MAX_THAWS = 3;

/**
 * Runs a write about a message; where that `isMissing` and is archived, puts its chunk back among the live ones
 * and runs it again. The next archiver packs it once more.
 */
export async function withThawed<T>(
  db: Db,
  about: { userId: UserId; number: number; messageId: MessageId },
  write: () => Promise<T>,
  isMissing: (result: T) => boolean,
): Promise<T> {
  let result = await write();
  // More than once where another writer, or an archiver, came between.
  for (let thaws = 0; isMissing(result) && thaws < MAX_THAWS && (await thaw(db, about)); thaws++)
    result = await write();
  return result;
}

/** False: it is not archived. */
async function thaw(
  db: Db,
  { userId, number, messageId }: { userId: UserId; number: number; messageId: MessageId },
): Promise<boolean> {
  const [chunk] = await db.query<Place & PackedRow>(CHUNK_TO_THAW, [userId, number, messageId]);
  if (!chunk) return false;
  const forms = await unpack(chunk);
  const ids = forms.map(({ message }) => message.id);
  if (!ids.includes(messageId.toLowerCase())) return false;
  const values = [userId, chunk.conversation_id, chunk.to_id, md5(chunk.payload), JSON.stringify(forms)];
  await withPartitions(db, ids, () => db.query(THAW, values));
  return true;
}
