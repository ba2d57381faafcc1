import { type FollowEvent, followGeneration, type TextEvent } from '../../src/core/follow-generation.ts';
import type { Generation } from '../../src/ports/generations.ts';
import { type Cursor, START } from '../../src/protocol/position.ts';
import type { Api, World } from './world.ts';

/**
 * The longest that a reader who stays may be behind what was written: four watchdogs, which is what a silence that
 * goes on grows to, and the longest that process and log are away meanwhile.
 */
const READER_LAG_MS = 24_000;

/** Somebody who reads one answer, whatever happens to the process in between. */
export type Reader = {
  generation: Generation;
  text: Buffer;
  reasoning: Buffer;
  ended: Generation | null;
  restarts: number;
  /** What it was given does not fit what it has: it cannot go on. */
  isLost: boolean;
  /** Since when it has been there without a break. */
  since: number;
};

export async function readAnswer(world: World, generation: Generation): Promise<void> {
  const reader: Reader = {
    generation,
    text: Buffer.alloc(0),
    reasoning: Buffer.alloc(0),
    ended: null,
    restarts: 0,
    isLost: false,
    since: 0,
  };
  world.readers.push(reader);
  let cursor: Cursor = START;
  while (!reader.ended && !reader.isLost) {
    const api = world.anyApi();
    if (!api) {
      await world.client.sleep(200);
      continue;
    }
    cursor = await readFrom(world, api, reader, cursor);
    if (!reader.ended) await world.client.sleep(world.scheduler.between(50, 800));
  }
}

/** Until the end, the death of the process, or a whim. */
async function readFrom(world: World, api: Api, reader: Reader, from: Cursor): Promise<Cursor> {
  let cursor = from;
  reader.since = world.scheduler.now;
  const left = new AbortController();
  const gone = Promise.withResolvers<'gone'>();
  api.process.onDeath(() => gone.resolve('gone'));
  if (world.scheduler.random() < 0.3) {
    void world.client.sleep(world.scheduler.between(100, 3_000)).then(() => {
      left.abort(new Error('left'));
      gone.resolve('gone');
    });
  }
  let isThere = true;
  /** As a socket that has room, most of the time. */
  const takeText = (event: TextEvent) => {
    if (!isThere || world.scheduler.random() < 0.2) return false;
    noteLag(world, reader, event);
    cursor = take(world, reader, event, cursor);
    return true;
  };
  const events = followGeneration(api.ports, world.followSettings, reader.generation, from, left.signal, takeText);
  for (;;) {
    const next = events.next().catch((error: unknown) => ({ failed: error }));
    const news = await Promise.race([next, gone.promise]);
    if (news === 'gone' || 'failed' in news || news.done) {
      isThere = false;
      left.abort(new Error('left'));
      if (api.process.alive) void events.return();
      return cursor;
    }
    noteLag(world, reader, news.value);
    cursor = take(world, reader, news.value, cursor);
    if (reader.ended || reader.isLost) {
      void events.return();
      return cursor;
    }
  }
}

/** Where the model does not go on from a prefix, what was written first is not what counts. */
function noteLag(world: World, { generation, text, since }: Reader, event: FollowEvent): void {
  if (event.kind !== 'text' || !world.inferenceFaults.continues) return;
  const lag = world.answers.lag(generation.id, text.length, since, world.scheduler.now);
  if (lag > READER_LAG_MS) world.witness.note(`${generation.id}: its reader waited ${lag} ms for what was written`);
}

function take(world: World, reader: Reader, event: FollowEvent, cursor: Cursor): Cursor {
  switch (event.kind) {
    case 'waiting':
    case 'started':
      return cursor;
    case 'text':
      reader.text = Buffer.concat([reader.text, Buffer.from(event.text)]);
      break;
    case 'reasoning':
      reader.reasoning = Buffer.concat([reader.reasoning, Buffer.from(event.text)]);
      break;
    case 'rewind':
      reader.restarts += 1;
      reader.text = reader.text.subarray(0, event.to.text);
      reader.reasoning = reader.reasoning.subarray(0, event.to.reasoning);
      break;
    case 'ended':
      reader.ended = event.generation;
      break;
  }
  const { at } = event.cursor;
  if (at.text !== reader.text.length || at.reasoning !== reader.reasoning.length) {
    world.witness.note(
      `${reader.generation.id}: cursor ${JSON.stringify(event.cursor)} beside ${reader.text.length}/${reader.reasoning.length} bytes read`,
    );
    reader.isLost = true;
  }
  return event.cursor;
}
