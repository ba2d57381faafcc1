import type { BranchMessage, BranchPage, Message } from '../../ports/conversations.ts';
import type { MessageId } from '../../ports/generations.ts';
import { ChatError } from '../../protocol/errors.ts';
import { toArchivedRow } from './archive-chunk.ts';
import type { Edge } from './archived-tree.ts';
import { bounds, type ConversationTree } from './conversation-tree.ts';
import { MESSAGE_COLUMNS, MESSAGE_JOIN, type MessageRow, toMessage } from './message-row.ts';
import type { Statement } from './pool.ts';
import { isUuid } from './text.ts';

const BOUNDED = 'BETWEEN $2::uuid AND $3::uuid';

/**
 * One look-up by key each, which OFFSET keeps so. Planned as one join, over many partitions, all that anybody wrote in
 * the conversation's time may be read, or all of the conversation for each step.
 */
const byKey = (query: string) => `LATERAL (${query} OFFSET 0)`;

/** From $4 up to the root, at most $5 stored ones. The ids alone first. Ends where a parent is archived. */
const PATH = `WITH RECURSIVE path AS (
    SELECT n.id, n.parent_id, n.pending, n.created_at, 1 AS depth, (n.pending IS NULL)::integer AS stored
    FROM message_nodes AS n WHERE n.conversation_id = $1 AND n.id = $4
  UNION ALL
    SELECT n.id, n.parent_id, n.pending, n.created_at, path.depth + 1, path.stored + (n.pending IS NULL)::integer
    FROM path CROSS JOIN ${byKey('SELECT * FROM message_nodes WHERE id = path.parent_id AND conversation_id = $1')} AS n
    WHERE path.stored < $5 AND path.depth < $6
  )`;

/** Of one step of the path. */
const STORED = `${byKey(`SELECT ${MESSAGE_COLUMNS} FROM messages AS m ${MESSAGE_JOIN} WHERE m.id = path.id AND m.id ${BOUNDED}`)}
  AS stored_message`;

const HISTORY: Statement = {
  name: 'history',
  text: `${PATH} SELECT stored_message.* FROM path CROSS JOIN ${STORED} WHERE path.pending IS NULL ORDER BY path.depth`,
};

const siblings = (parent: string) => `(SELECT array_agg(s.id::text ORDER BY s.id) FROM message_nodes AS s
  WHERE s.conversation_id = $1 AND s.id ${BOUNDED} AND s.parent_id ${parent})`;
const BRANCH: Statement = {
  name: 'branch',
  text: `${PATH} SELECT path.id AS node_id, path.parent_id AS node_parent, path.pending, path.created_at AS node_at,
      CASE WHEN path.parent_id IS NULL THEN ${siblings('IS NULL')} ELSE ${siblings('= path.parent_id')} END AS siblings,
      (SELECT count(*) FROM message_archive AS a WHERE a.conversation_id = $1) AS chunks, stored_message.*
    FROM path LEFT JOIN ${STORED} ON true ORDER BY path.depth`,
};

/** $4 and everything below it, as far as it is live. */
const BELOW: Statement = {
  name: 'below',
  text: `WITH RECURSIVE below AS (
      SELECT n.id, n.parent_id FROM message_nodes AS n WHERE n.conversation_id = $1 AND n.id = $4
    UNION ALL
      SELECT n.id, n.parent_id FROM below CROSS JOIN ${byKey(`SELECT id, parent_id FROM message_nodes
        WHERE parent_id = below.id AND conversation_id = $1 AND id ${BOUNDED}`)} AS n
    )
    SELECT id, parent_id FROM below`,
};

const LIVE_CHILDREN: Statement = {
  name: 'live_children',
  text: `SELECT n.id, n.parent_id FROM message_nodes AS n
    WHERE n.conversation_id = $1 AND n.id ${BOUNDED} AND (n.parent_id = ANY ($4::uuid[]) OR ($5 AND n.parent_id IS NULL))`,
};

const EVERY: Statement = {
  name: 'every_message',
  text: `SELECT ${MESSAGE_COLUMNS} FROM messages AS m ${MESSAGE_JOIN}
    WHERE m.conversation_id = $1 AND m.id ${BOUNDED} ORDER BY m.id`,
};

type BranchRow = MessageRow & {
  node_id: string;
  node_parent: string | null;
  node_at: number;
  pending: 'queued' | 'running' | null;
  siblings: string[];
  /** Of the conversation's archive, when the siblings were looked for. */
  chunks: number;
};

/** No branch is deeper; it only ends a recursion that a damaged table would not. */
const MAX_DEPTH = 1_000_000;

export async function readBranch(tree: ConversationTree, page: BranchPage): Promise<readonly BranchMessage[]> {
  const named = [page.leaf, page.through, page.before].filter((id) => id !== undefined);
  if (!named.every(isUuid)) throw new ChatError('message_not_found');
  const below = page.through === undefined ? null : await newestBelow(tree, idOf(page.through));
  if (page.before !== undefined) {
    if (page.leaf !== undefined) await walk(tree, idOf(page.leaf), 1);
    // A message has one path to the root, so this one alone says where the page goes on.
    return (await walk(tree, idOf(page.before), page.limit + 1)).slice(1);
  }
  const start = page.leaf === undefined ? (below ?? tree.span.leaf_id) : idOf(page.leaf);
  return start === null ? [] : await walk(tree, start, page.limit);
}

export async function readHistory(tree: ConversationTree, leaf: MessageId, limit: number): Promise<readonly Message[]> {
  const path: Message[] = [];
  for (let next: string | null = leaf; next !== null && path.length < limit; next = path.at(-1)!.parentId) {
    const left = limit - path.length;
    const archived = await tree.archive.path(next, left);
    const rows =
      archived.length > 0
        ? archived.map(toArchivedRow)
        : await tree.db.query<MessageRow>(HISTORY, [...bounds(tree.span), next, left, MAX_DEPTH]);
    if (rows.length === 0) {
      tree.hasMissed = true;
      break;
    }
    path.push(...rows.map(toMessage));
  }
  return path.reverse();
}

export async function readEvery(tree: ConversationTree): Promise<readonly Message[]> {
  // Only the same outline afterwards says that nothing passed from one to the other meanwhile.
  tree.hasMissed = true;
  const live = await tree.db.query<MessageRow>(EVERY, bounds(tree.span));
  if (tree.archive.isEmpty) return live.map(toMessage);
  const rows = [...(await tree.archive.all()).map(toArchivedRow), ...live];
  return rows.sort((a, b) => (a.message_id < b.message_id ? -1 : 1)).map(toMessage);
}

async function newestBelow(tree: ConversationTree, through: MessageId): Promise<MessageId> {
  // As in readEvery: what is below may pass from one to the other.
  tree.hasMissed = true;
  const parents = new Set<MessageId | null>();
  const found = new Set<MessageId>();
  const starts = [through];
  for (const start of starts) {
    if (found.has(start)) continue;
    const archived = await tree.archive.below(start);
    const edges = archived.length > 0 ? archived : await tree.db.query<Edge>(BELOW, [...bounds(tree.span), start]);
    if (edges.length === 0) return missing(tree);
    const here = new Set<MessageId | null>(edges.map(({ id }) => id));
    for (const { id, parent_id } of edges) {
      found.add(id);
      parents.add(parent_id);
    }
    starts.push(...tree.archive.entriesUnder(here).map(({ id }) => id));
    if (archived.length > 0) starts.push(...(await liveChildren(tree, here)).map(({ id }) => id));
  }
  return [...found].filter((id) => !parents.has(id)).reduce((newest, id) => (id > newest ? id : newest));
}

async function walk(tree: ConversationTree, start: MessageId, limit: number): Promise<BranchMessage[]> {
  const page: BranchMessage[] = [];
  const archivedParents = new Set<MessageId | null>();
  for (let next: string | null = start; next !== null && page.length < limit; next = page.at(-1)!.parentId) {
    const left = limit - page.length;
    const archived = await tree.archive.path(next, left);
    for (const { message } of archived) archivedParents.add(message.parent_id);
    const segment =
      archived.length > 0
        ? archived.map((form) => ({ ...toMessage(toArchivedRow(form)), siblings: [], pending: null }))
        : await livePath(tree, next, left);
    if (segment.length === 0) {
      if (page.length === 0) return missing(tree);
      tree.hasMissed = true;
      break;
    }
    page.push(...segment);
  }
  return tree.archive.isEmpty ? page : await withArchivedSiblings(tree, page, archivedParents);
}

async function livePath(tree: ConversationTree, start: MessageId, limit: number): Promise<BranchMessage[]> {
  const rows = await tree.db.query<BranchRow>(BRANCH, [...bounds(tree.span), start, MAX_DEPTH, limit]);
  // A sibling may have been archived since the outline was read.
  if (rows.some(({ chunks }) => chunks !== tree.archive.chunks)) tree.hasMissed = true;
  return rows.map(toBranchMessage);
}

/** A live message was read with its live siblings, an archived one with none. */
async function withArchivedSiblings(
  tree: ConversationTree,
  page: readonly BranchMessage[],
  archivedParents: ReadonlySet<MessageId | null>,
): Promise<BranchMessage[]> {
  const live = Map.groupBy(await liveChildren(tree, archivedParents), ({ parent_id }) => parent_id);
  return await Promise.all(
    page.map(async (message) => {
      const others = live.get(message.parentId)?.map(({ id }) => id) ?? [];
      const archived = await tree.archive.children(message.parentId);
      return { ...message, siblings: [...new Set([...message.siblings, ...others, ...archived])].sort() };
    }),
  );
}

async function liveChildren(tree: ConversationTree, parents: ReadonlySet<MessageId | null>): Promise<Edge[]> {
  if (parents.size === 0) return [];
  const ids = [...parents].filter((id) => id !== null);
  return await tree.db.query<Edge>(LIVE_CHILDREN, [...bounds(tree.span), ids, parents.has(null)]);
}

function missing(tree: ConversationTree): never {
  tree.hasMissed = true;
  throw new ChatError('message_not_found');
}

/** As the database writes them: ids are compared here too. */
function idOf(id: string): MessageId {
  return id.toLowerCase();
}

function toBranchMessage(row: BranchRow): BranchMessage {
  const place = { siblings: row.siblings, pending: row.pending };
  if (row.pending === null) return { ...toMessage(row), ...place };
  return {
    id: row.node_id,
    parentId: row.node_parent,
    role: 'assistant',
    content: '',
    reasoning: '',
    status: 'done',
    model: null,
    finishReason: null,
    epochs: [],
    receipt: null,
    feedback: null,
    createdAt: row.node_at,
    ...place,
  };
}
