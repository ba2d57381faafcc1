import { randomUUID } from 'node:crypto';
import { RedisConnection } from '../../src/adapters/redis/connection.ts';
import { RedisTokenLog } from '../../src/adapters/redis/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import { AnswerFlusher } from '../../src/core/answer-flusher.ts';
import { AnswerWriter } from '../../src/core/answer-writer.ts';
import type { OpenOutcome } from '../../src/ports/token-log.ts';
import { LogFollower } from '../contracts/log-follower.ts';
import { pause, until } from '../contracts/until.ts';

/** A process that writes or reads: a connection and a log of its own. */
export async function startLog(url: string, options: { commandTimeoutMs?: number; patienceMs?: number } = {}) {
  const { patienceMs, ...rest } = options;
  const connection = new RedisConnection({ url, name: 'redis-state', ...rest });
  const log = new RedisTokenLog({ connection, ...(patienceMs !== undefined && { patienceMs }) });
  await log.ready(AbortSignal.timeout(60_000));
  return {
    connection,
    log,
    [Symbol.asyncDispose]: async () => {
      await log[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}

export type LogLoad = {
  /** How many generations have been writing, and whether one was ever fenced off. */
  writers: readonly AnswerWriter[];
  /** For each generation what its readers ended with, and what was written. */
  answers: readonly { written: string; read: readonly string[] }[];
};

const PIECES = ['the ', 'größte ', '中文', ' 😀 ', 'and so on. ', '\n'];
const STEP_MS = 15;
/** As the reader of the product has it: silence makes it look again. */
const WATCHDOG_MS = 3_000;
const ENDING = {
  finishReason: 'stop' as const,
  usage: { promptTokens: 1, reusedTokens: 0, completionTokens: 1 },
  model: 'tiny',
};

/**
 * Owners write through the product's own flusher while `fault` runs, and some time after; readers in another
 * process follow from the beginning. Resolves when every reader has ended.
 */
export async function writeThrough(
  url: string,
  fault: () => Promise<void>,
  { generations = 20, readers = 2, commandTimeoutMs = 2_000 } = {},
): Promise<LogLoad> {
  await using writing = await startLog(url, { commandTimeoutMs });
  await using reading = await startLog(url, { commandTimeoutMs });
  const flusher = new AnswerFlusher({ log: writing.log, clock: new SystemClock() }, { windowMs: 25, windowMaxMs: 250 });
  const owners = await Promise.all(
    Array.from({ length: generations }, async () => {
      const held = { id: randomUUID(), userId: randomUUID(), epoch: 1 };
      const opened = await writing.log.open(held.id, held.epoch);
      const writer = new AnswerWriter(held, opened as OpenOutcome & { kind: 'opened' });
      const following = Array.from({ length: readers }, () => new LogFollower(reading.log, held.id));
      return { writer, following, steps: 0 };
    }),
  );
  await Promise.all(owners.flatMap(({ following }) => following.map((reader) => reader.attach())));
  let over = false;
  const faulted = fault().finally(() => {
    over = true;
  });
  faulted.catch(() => {}); // Awaited below.
  await Promise.all(owners.map((owner, n) => write(owner, n, flusher, () => over)));
  await faulted;
  await Promise.all(owners.map((owner) => finish(owner, flusher, writing.log)));
  await Promise.all(owners.flatMap(({ following }) => following.map(readToEnd)));
  return {
    writers: owners.map(({ writer }) => writer),
    answers: owners.map(({ writer, following }) => ({
      written: writer.text.toString(),
      read: following.map(({ text }) => text),
    })),
  };
}

type Owner = { writer: AnswerWriter; following: LogFollower[]; steps: number };

async function write({ writer }: Owner, n: number, flusher: AnswerFlusher, isOver: () => boolean): Promise<void> {
  for (let left = 40; left > 0; left -= isOver() ? 1 : 0) {
    writer.text.appendText(PIECES[(n + writer.text.length) % PIECES.length]!);
    flusher.schedule(writer);
    await pause(STEP_MS);
  }
}

async function finish({ writer }: Owner, flusher: AnswerFlusher, log: RedisTokenLog): Promise<void> {
  writer.end(ENDING);
  await flusher.flush(writer, 60_000);
  await until(() =>
    log.close(writer.held.id, writer.held.epoch).then(
      () => true,
      () => false,
    ),
  );
}

async function readToEnd(reader: LogFollower): Promise<void> {
  for (let heard = reader.frames.length, quietMs = 0; !reader.ended; quietMs += 20) {
    if (reader.frames.length !== heard) [heard, quietMs] = [reader.frames.length, 0];
    if (quietMs >= WATCHDOG_MS) {
      quietMs = 0;
      await reader.attach();
    }
    await pause(20);
  }
}
