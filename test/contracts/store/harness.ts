import { randomBytes } from 'node:crypto';
import type { Conversations } from '../../../src/ports/conversations.ts';
import type { DeadLetters } from '../../../src/ports/dead-letters.ts';
import type { Directory } from '../../../src/ports/directory.ts';
import type {
  Answer,
  DispatchWindow,
  Generation,
  Generations,
  Held,
  OwnerId,
  UserId,
  WorkspaceId,
} from '../../../src/ports/generations.ts';
import type {
  Acceptance,
  Accepted,
  ConversationBegin,
  Outbox,
  SweepOptions,
  Swept,
} from '../../../src/ports/outbox.ts';
import type { UsageReports } from '../../../src/ports/usage-reports.ts';
import type { UserDeletions } from '../../../src/ports/user-deletions.ts';
import type { UserItems } from '../../../src/ports/user-items.ts';
import type { Webhooks } from '../../../src/ports/webhooks.ts';
import type { Workspaces } from '../../../src/ports/workspaces.ts';

export type StorePorts = {
  generations: Generations;
  outbox: Outbox;
  deadLetters: DeadLetters;
  conversations: Conversations;
  workspaces: Workspaces;
  directory: Directory;
  deletions: UserDeletions;
  usage: UsageReports;
  items: UserItems;
  webhooks: Webhooks;
};

/**
 * One store under test, shared by all tests of a suite: each test works with people of its own. When
 * it is handed over, the database has been up for longer than `trustAfterMs` and a third of the lease.
 */
export interface StoreHarness extends AsyncDisposable {
  readonly ports: StorePorts;
  /**
   * As the store was configured; milliseconds. Large enough that a few statements in a row fit well into
   * each of them (PostgreSQL: 1500 and more), since tests say "not yet" about them.
   */
  readonly timings: {
    leaseMs: number;
    trustAfterMs: number;
    /** Until a row that was swept once is due again; doubles each time. */
    sweepBackoffMs: number;
  };
  /**
   * Afterwards leases, due times, ages and the trust in a restarted database are `ms` further on: by
   * moving a virtual clock, by moving the times of all rows back, or by sleeping.
   */
  advance(ms: number): Promise<void>;
  /** The process under this owner id dies: its lock goes without its doing, and nothing takes it again. */
  killOwner(owner: OwnerId): Promise<void>;
  /** Every lock is gone. Living owners take theirs again by themselves within `trustAfterMs`. Rows stay. */
  restartDatabase(): Promise<void>;
}

export type MakeStore = () => Promise<StoreHarness>;

export const WINDOW: DispatchWindow = { stream: 2, chat: 2, batch: 2 };

/** UUIDv7, increasing. */
let lastId = 0n;
export function newId(): string {
  const next = BigInt(Date.now()) << 12n;
  lastId = next > lastId ? next : lastId + 1n;
  const head = (lastId >> 12n).toString(16).padStart(12, '0');
  const tail = (lastId & 0xfffn).toString(16).padStart(3, '0');
  const random = randomBytes(8);
  random[0] = (random[0]! & 0x3f) | 0x80;
  const hex = random.toString('hex');
  return `${head.slice(0, 8)}-${head.slice(8)}-7${tail}-${hex.slice(0, 4)}-${hex.slice(4)}`;
}

export type Person = { workspaceId: WorkspaceId; userId: UserId; externalId: string };

export async function newPerson(ports: StorePorts, workspaceName = `workspace-${newId()}`): Promise<Person> {
  const workspace = await ports.workspaces.ensure(workspaceName);
  const externalId = `person-${newId()}`;
  const userId = await ports.directory.ensureUser(workspace.id, externalId);
  return { workspaceId: workspace.id, userId, externalId };
}

export type Asking = Partial<Omit<Acceptance, 'workspaceId' | 'userId' | 'conversation' | 'request'>> & {
  /** Absent: a new conversation. */
  number?: number;
  title?: string;
  begin?: ConversationBegin;
  content?: string;
  parentId?: string | null;
  regenerate?: string;
};

/** An acceptance with everything that the test does not care about filled in. */
export function acceptance(person: Person, asking: Asking = {}): Acceptance {
  const { number, title, begin, content, parentId, regenerate, ...rest } = asking;
  const messageId = newId();
  return {
    workspaceId: person.workspaceId,
    userId: person.userId,
    generationId: newId(),
    conversation:
      number === undefined ? { newId: newId(), title: title ?? 'A talk', ...(begin && { begin }) } : { number },
    request:
      regenerate === undefined
        ? {
            kind: 'message',
            id: messageId,
            content: content ?? 'What is the capital of France?',
            ...(parentId === undefined ? {} : { parentId }),
          }
        : { kind: 'regenerate', messageId: regenerate },
    lane: 'chat',
    direct: false,
    params: { maxTokens: 64 },
    window: WINDOW,
    maxWaiting: 5000,
    positionAtArrival: null,
    ...rest,
  };
}

export function ask(ports: StorePorts, person: Person, asking: Asking = {}): Promise<Accepted> {
  return ports.outbox.accept(acceptance(person, asking));
}

/** Accepts in the given order: one after the other. */
export async function askTimes(
  ports: StorePorts,
  person: Person,
  count: number,
  asking: Asking = {},
): Promise<Accepted[]> {
  const accepted: Accepted[] = [];
  for (let index = 0; index < count; index++) accepted.push(await ask(ports, person, asking));
  return accepted;
}

export function answer(change: Partial<Answer> = {}): Answer {
  return {
    state: 'done',
    text: 'Paris.',
    reasoning: '',
    epochs: [{ epoch: 1, at: { text: 0, reasoning: 0 } }],
    model: 'tiny',
    finishReason: 'stop',
    usage: { promptTokens: 12, reusedTokens: 4, completionTokens: 3 },
    facts: {},
    prefillMs: 40,
    streamMs: 100,
    trimmedMessages: 0,
    error: null,
    deadLetter: false,
    ...change,
  };
}

export const newOwner = (): OwnerId => newId();

/** A process under `owner` that lives until the test ends. */
export async function livingOwner(ports: StorePorts, onEnd: (undo: () => Promise<void>) => void): Promise<OwnerId> {
  const owner = newOwner();
  const declaration = await ports.generations.own(owner);
  onEnd(async () => declaration[Symbol.asyncDispose]());
  return owner;
}

export async function claimed(ports: StorePorts, generation: Generation, owner: OwnerId): Promise<Held> {
  const outcome = await ports.generations.claim(generation, owner);
  if (outcome.kind !== 'claimed') throw new Error(`expected a claim, got ${outcome.kind}`);
  return { id: generation.id, userId: generation.userId, epoch: outcome.generation.epoch };
}

/** Asks, claims and finishes: a stored answer. */
export async function answered(ports: StorePorts, person: Person, asking: Asking = {}, text?: string) {
  const { generation } = await ask(ports, person, asking);
  const owner = newOwner();
  const held = await claimed(ports, generation, owner);
  const outcome = await ports.generations.finish(held, owner, answer(text === undefined ? {} : { text }), WINDOW);
  if (outcome.kind !== 'finished') throw new Error(`expected it to finish, got ${outcome.kind}`);
  return outcome.generation;
}

/** Only what concerns this person: other tests' rows stand still too. */
export async function sweepFor(
  ports: StorePorts,
  person: Person,
  options: Partial<SweepOptions> = {},
): Promise<{ stalled: string[]; waiting: boolean }> {
  const swept: Swept = await ports.outbox.sweep({
    owner: newOwner(),
    limit: 10_000,
    unconfirmedAfterMs: 60_000,
    unclaimedAfterMs: 60_000,
    queueLost: false,
    ...options,
  });
  return {
    stalled: swept.stalled.filter((job) => job.userId === person.userId).map((job) => job.id),
    waiting: swept.waitingUsers.includes(person.userId),
  };
}
