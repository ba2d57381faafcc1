import type { ConversationId, MessageId } from '../../ports/generations.ts';
import { type ArchivedForm, type ChunkOutline, readChunk } from './archive-chunk.ts';
import type { Db } from './pool.ts';

type Chunk = { forms: ReadonlyMap<MessageId, ArchivedForm>; children: ReadonlyMap<MessageId, readonly MessageId[]> };
export type Edge = { id: MessageId; parent_id: MessageId | null };

/** What is archived of one conversation's tree. A chunk is unpacked when a message in it is needed, once. */
export class ArchivedTree {
  readonly #db: Db;
  readonly #conversation: ConversationId;
  readonly #outlines: readonly ChunkOutline[];
  readonly #chunks = new Map<MessageId, Promise<Chunk>>();

  constructor(db: Db, conversation: ConversationId, outlines: readonly ChunkOutline[]) {
    this.#db = db;
    this.#conversation = conversation;
    this.#outlines = outlines;
  }

  get chunks(): number {
    return this.#outlines.length;
  }

  get isEmpty(): boolean {
    return this.chunks === 0;
  }

  /** From this message towards the root, for as long as the same chunk has it. Empty: it is not archived. */
  async path(from: MessageId, limit: number): Promise<ArchivedForm[]> {
    const path: ArchivedForm[] = [];
    const chunk = await this.#chunkOf(from);
    for (let next: string | null = from; chunk && next !== null && path.length < limit; ) {
      const form: ArchivedForm | undefined = chunk.forms.get(next);
      if (!form) break;
      path.push(form);
      next = form.message.parent_id;
    }
    return path;
  }

  /** This message and what the same chunk has below it. Empty: it is not archived. */
  async below(from: MessageId): Promise<Edge[]> {
    const chunk = await this.#chunkOf(from);
    if (!chunk?.forms.has(from)) return [];
    const found = [from];
    for (const id of found) found.push(...(chunk.children.get(id) ?? []));
    return found.map((id) => ({ id, parent_id: chunk.forms.get(id)!.message.parent_id }));
  }

  /** Of messages archived elsewhere than their parent: those under these parents. */
  entriesUnder(parents: ReadonlySet<MessageId | null>): Edge[] {
    return this.#outlines.flatMap(({ entry_ids, entry_parents }) =>
      entry_ids.flatMap((id, index) => {
        const parent_id = entry_parents[index] ?? null;
        return parents.has(parent_id) ? [{ id, parent_id }] : [];
      }),
    );
  }

  /** All that are archived, whatever archived or live parent they have. */
  async children(parent: MessageId | null): Promise<readonly MessageId[]> {
    const within = parent === null ? undefined : (await this.#chunkOf(parent))?.children.get(parent);
    return [...this.entriesUnder(new Set([parent])).map(({ id }) => id), ...(within ?? [])];
  }

  async all(): Promise<ArchivedForm[]> {
    const forms: ArchivedForm[] = [];
    for (const { to_id } of this.#outlines) forms.push(...(await readChunk(this.#db, this.#conversation, to_id)));
    return forms;
  }

  /** The one whose range it lies in: ranges do not overlap. It may be live all the same. */
  async #chunkOf(id: MessageId): Promise<Chunk | null> {
    const outline = this.#outlines.find(({ from_id, to_id }) => from_id <= id && id <= to_id);
    if (!outline) return null;
    const known = this.#chunks.get(outline.to_id) ?? this.#load(outline);
    this.#chunks.set(outline.to_id, known);
    return await known;
  }

  async #load({ to_id }: ChunkOutline): Promise<Chunk> {
    const forms = new Map<MessageId, ArchivedForm>();
    const children = new Map<MessageId, MessageId[]>();
    for (const form of await readChunk(this.#db, this.#conversation, to_id)) forms.set(form.message.id, form);
    for (const { message } of forms.values()) {
      if (message.parent_id === null || !forms.has(message.parent_id)) continue;
      const siblings = children.get(message.parent_id) ?? [];
      siblings.push(message.id);
      children.set(message.parent_id, siblings);
    }
    return { forms, children };
  }
}
