import type { GenerationRow } from '../../src/adapters/memory/database.ts';
import type { Generation, GenerationId } from '../../src/ports/generations.ts';
import { isTerminal } from '../../src/protocol/generation.ts';
import type { Told } from './people.ts';
import type { SimulatedShard } from './shards/simulated-shard.ts';
import { generationsOf } from './shards/user-rows.ts';
import { expectedAnswer } from './simulated-inference.ts';
import type { World } from './world.ts';

/** Milliseconds are virtual. */
export type Figures = {
  violations: readonly string[];
  accepted: number;
  takeovers: number;
  restarts: number;
  failed: number;
  cancelled: number;
  stops: number;
  moves: number;
  faults: Readonly<Record<string, number>>;
  /** From when nothing of its own conversation is before it to its first claim, of everybody but the hog: 95th percentile. */
  waitP95Ms: number;
  /** The longest that a reader who was there waited for a byte that had been written. */
  slowestByteMs: number;
  /** The longest after its stop that an answer was written on. */
  writtenAfterStopMs: number;
  restAtMs: number;
};

/** From an answered stop to the end of what was stopped: a lease, a pause beyond it, and a user on the move. */
const STOP_BOUND_MS = 60_000;

/** What must hold once everything is at rest, whatever happened before. */
export async function findViolations(world: World, told: Told): Promise<Figures> {
  const { witness, faults } = world;
  const found = findRows(world, told);
  const violations = [
    ...witness.violations,
    ...(told.sending > 0 ? [`${told.sending} people are still sending`] : []),
    ...acknowledgementViolations(world, told),
    ...found.violations,
    ...homeViolations(world),
    ...[...found.rows.values()].flatMap((row) => textViolations(world, row)),
    ...stopViolations(world, told, found.rows),
    ...readerViolations(world, found.rows),
    ...leaks(world),
  ];
  const rows = [...found.rows.values()];
  return {
    violations,
    accepted: told.accepted.length,
    takeovers: rows.reduce((sum, row) => sum + row.takeovers, 0),
    restarts: world.readers.reduce((sum, reader) => sum + reader.restarts, 0),
    failed: rows.filter((row) => row.state === 'failed').length,
    cancelled: rows.filter((row) => row.state === 'cancelled').length,
    stops: told.stops.length,
    moves: faults['move ended'] ?? 0,
    faults,
    waitP95Ms: waitP95Ms(world, rows),
    slowestByteMs: world.answers.slowestMs,
    writtenAfterStopMs: world.answers.writtenAfterStopMs,
    restAtMs: world.scheduler.now,
  };
}

function homeOf(world: World, userId: string): SimulatedShard {
  return world.shards[world.directory.users.get(userId)!.shard]!;
}

/** Of what was acknowledged, the row at its user's home: terminal, with its one message. */
function findRows(world: World, { accepted }: Told) {
  const violations: string[] = [];
  const rows = new Map<GenerationId, GenerationRow>();
  for (const { id, userId } of accepted) {
    const row = homeOf(world, userId).database.generations.get(id);
    if (!row) violations.push(`${id} is lost: not where its user is at home`);
    else if (!isTerminal(row.state))
      violations.push(`${id}: stuck in ${row.state}, epoch ${row.epoch}, of ${row.owner}`);
    else if (!row.conversation.messages.has(id)) violations.push(`${id}: ${row.state} without a message`);
    else if (!row.conversation.messages.has(row.requestMessageId)) violations.push(`${id} has lost its question`);
    else rows.set(id, row);
  }
  return { violations, rows };
}

function acknowledgementViolations(world: World, { accepted }: Told): string[] {
  const ids = new Set(accepted.map(({ id }) => id));
  const violations = ids.size === accepted.length ? [] : ['one generation was acknowledged for two requests'];
  for (const { name, database } of world.shards) {
    for (const id of database.generations.keys()) {
      if (!ids.has(id)) violations.push(`${id} on ${name}: nobody asked for it`);
    }
  }
  return violations;
}

/** Each user is at home where the directory says, whole, and nowhere else. */
function homeViolations(world: World): string[] {
  const violations: string[] = [];
  for (const [userId, placed] of world.directory.users) {
    for (const shard of world.shards) {
      const home = shard.homes.get(userId);
      const user = shard.database.users.get(userId);
      if (shard.id !== placed.shard) {
        if (home && home.state !== 'gone') violations.push(`user ${userId}: ${home.state} on ${shard.name} as well`);
        if (user || generationsOf(shard.database, userId).length > 0)
          violations.push(`user ${userId}: rows are left on ${shard.name}`);
        continue;
      }
      if (home?.state !== 'active' || home.epoch !== placed.epoch)
        violations.push(`user ${userId}: ${home?.state} on ${shard.name}, epoch ${home?.epoch} for ${placed.epoch}`);
      const conversations = [...(user?.conversations.values() ?? [])];
      const numbers = conversations.map(({ number }) => number).sort((a, b) => a - b);
      if (numbers.some((number, index) => number !== index + 1))
        violations.push(`user ${userId}: conversations are numbered ${numbers}`);
      const messages = conversations.reduce((sum, each) => sum + each.messages.size, 0);
      const generations = generationsOf(shard.database, userId);
      const questions = new Set(generations.map(({ requestMessageId }) => requestMessageId));
      if (messages !== generations.length + questions.size)
        violations.push(`user ${userId}: ${messages} messages of ${generations.length} generations`);
    }
  }
  for (const { id } of world.directory.moves.values()) violations.push(`${id} was never finished`);
  return violations;
}

const storedText = (row: GenerationRow) => {
  const { content, reasoning } = row.conversation.messages.get(row.id)!;
  return { text: content, reasoning };
};

/** Where the model goes on from a prefix, every character of every answer is known. */
function textViolations(world: World, row: GenerationRow): string[] {
  if (!world.inferenceFaults.continues || row.state === 'failed') return [];
  const { text, reasoning } = storedText(row);
  const expected = expectedAnswer(row.conversation.messages.get(row.requestMessageId)!.content);
  const whole = { text: expected.text.join(''), reasoning: expected.reasoning.join('') };
  const isRight =
    row.state === 'done'
      ? text === whole.text && reasoning === whole.reasoning
      : whole.text.startsWith(text) && whole.reasoning.startsWith(reasoning);
  return isRight ? [] : [`${row.id}: ${row.state} with text «${text}» instead of «${whole.text}»`];
}

/** A stop is answered with what will not change any more, or is obeyed soon; and nobody stops but who was asked to. */
function stopViolations({ witness }: World, told: Told, rows: ReadonlyMap<GenerationId, GenerationRow>): string[] {
  const violations = [...rows.values()].flatMap((row) =>
    row.state === 'cancelled' && !told.askedToStop.has(row.id) ? [`${row.id} was stopped by nobody`] : [],
  );
  for (const { id, answeredAt, answer } of told.stops) {
    const row = rows.get(id);
    if (!row) continue;
    if (isTerminal(answer.state) && !isSame(answer, row)) {
      violations.push(`${id}: the stop was answered with ${answer.state}, and it ended ${row.state}`);
    }
    const late = (witness.settledAt.get(id) ?? Number.POSITIVE_INFINITY) - answeredAt;
    if (late > STOP_BOUND_MS) violations.push(`${id} ended ${late} ms after its stop was answered`);
  }
  return violations;
}

function isSame(answer: Generation, row: GenerationRow): boolean {
  return answer.state === row.state && answer.length?.text === row.length?.text;
}

function readerViolations(world: World, rows: ReadonlyMap<GenerationId, GenerationRow>): string[] {
  return world.readers.flatMap((reader) => {
    const { id } = reader.generation;
    if (!reader.ended) return [`${id}: its reader hangs`];
    const row = rows.get(id);
    if (!row) return [];
    const { text, reasoning } = storedText(row);
    const isTrue = reader.text.toString() === text && reader.reasoning.toString() === reasoning;
    return isTrue ? [] : [`${id}: its reader has «${reader.text}», stored is «${text}»`];
  });
}

function leaks(world: World): string[] {
  return [...world.apis, ...world.workers].flatMap(({ process, runner }) =>
    runner.running > 0 || runner.slots.used() > 0
      ? [`${process.name}: ${runner.running} running, ${runner.slots.used()} slots used`]
      : [],
  );
}

function waitP95Ms({ witness }: World, rows: readonly GenerationRow[]): number {
  const waits = rows
    .filter((row) => !row.conversation.title.startsWith('hog-'))
    .flatMap((row) => {
      const claimedAt = witness.claimedAt.get(row.id);
      const before = rows.filter((other) => other.conversation === row.conversation && needs(row, other));
      const ends = before.map(({ id }) => witness.settledAt.get(id) ?? 0);
      return claimedAt === undefined ? [] : [claimedAt - Math.max(witness.acceptedAt.get(row.id)!, ...ends)];
    })
    .sort((a, b) => a - b);
  return waits[Math.floor(waits.length * 0.95)] ?? 0;
}

function needs(row: GenerationRow, other: GenerationRow): boolean {
  return other.requestMessageId !== row.requestMessageId && other.line < row.line;
}
