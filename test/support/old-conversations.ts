import type { Acceptance } from '../../src/ports/outbox.ts';
import {
  acceptance,
  answer,
  claimed,
  newId,
  newOwner,
  type Person,
  type StorePorts,
  WINDOW,
} from '../contracts/store/harness.ts';

const MINUTE_MS = 60_000;

/** Milliseconds since 1970 of a day of the month that was so many months ago. */
export function monthsAgo(months: number, day = 1): number {
  const now = new Date();
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, day, 12);
}

/** As an id that a process made at that time. */
export function idAt(time: number): string {
  const head = time.toString(16).padStart(12, '0');
  return `${head.slice(0, 8)}-${head.slice(8)}${newId().slice(13)}`;
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export type Turn = {
  number?: number;
  content?: string;
  text?: string;
  parentId?: string | null;
  regenerate?: string;
  idempotency?: Acceptance['idempotency'];
};

/** A question of that time and its answer a minute later; the answer's generation. */
export async function answeredAt(ports: StorePorts, person: Person, time: number, turn: Turn = {}) {
  const { text, idempotency, ...asking } = turn;
  const asked = acceptance(person, { ...asking, generationId: idAt(time + MINUTE_MS) });
  const request = asked.request.kind === 'message' ? { ...asked.request, id: idAt(time) } : asked.request;
  const { generation } = await ports.outbox.accept({ ...asked, request, ...(idempotency && { idempotency }) });
  const owner = newOwner();
  const outcome = await ports.generations.finish(
    await claimed(ports, generation, owner),
    owner,
    answer({ text: text ?? `Re ${turn.content ?? 'that'}.` }),
    WINDOW,
  );
  if (outcome.kind !== 'finished') throw new Error(`expected it to finish, got ${outcome.kind}`);
  return outcome.generation;
}

/** A tree that grows through the months up to now: turns, branches, other answers, new beginnings, clocks that disagree. */
export async function growTree(
  ports: StorePorts,
  person: Person,
  turns: number,
  random: () => number,
): Promise<number> {
  const oldest = monthsAgo(5);
  const step = (Date.now() - oldest) / turns;
  const first = await answeredAt(ports, person, oldest, { content: 'The first' });
  const number = first.conversationNumber;
  const [questions, answers] = [[first.requestMessageId], [first.id]];
  const any = (ids: readonly string[]) => ids[Math.floor(random() * ids.length)]!;
  for (let turn = 1; turn < turns; turn++) {
    const skew = (random() - 0.5) * 4 * step;
    const time = Math.max(oldest, Math.floor(oldest + turn * step + (random() < 0.3 ? skew : 0)));
    const kind = random();
    const how: Turn =
      kind < 0.5
        ? {}
        : kind < 0.7
          ? { parentId: any(answers) }
          : kind < 0.95
            ? { regenerate: any([...questions, ...answers]) }
            : { parentId: null };
    const generation = await answeredAt(ports, person, time, { number, content: `Turn ${turn}`, ...how });
    questions.push(generation.requestMessageId);
    answers.push(generation.id);
  }
  return number;
}

/** All that can be read of a conversation, in every way. */
export async function readInEveryWay(ports: StorePorts, { userId }: Person, number: number) {
  const { conversations, generations } = ports;
  const all = (await conversations.all(userId, number))!;
  const conversation = (await conversations.get(userId, number))!;
  const ways: Record<string, unknown> = {
    all,
    conversation,
    newest: await conversations.branch(userId, number, { limit: 5 }),
  };
  for (const { id, role } of all) {
    ways[`up to ${id}`] = await conversations.branch(userId, number, { leaf: id, limit: 200 });
    ways[`page of ${id}`] = await conversations.branch(userId, number, { leaf: id, limit: 3 });
    ways[`through ${id}`] = await conversations.branch(userId, number, { through: id, limit: 200 });
    ways[`before ${id}`] = await conversations.branch(userId, number, { before: id, limit: 4 });
    ways[`history ${id}`] = await conversations.history(userId, conversation.id, id, 6);
    ways[`message ${id}`] = await conversations.message(userId, id);
    if (role === 'assistant') ways[`generation ${id}`] = await generations.find(id);
  }
  return ways;
}
