import type { Clock } from '../ports/clock.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Generation, GenerationRef, Generations } from '../ports/generations.ts';
import type { Frame, LogSnapshot, TokenLog } from '../ports/token-log.ts';
import type { WaitingLine } from '../ports/waiting-line.ts';
import { ChatError } from '../protocol/errors.ts';
import { isTerminal } from '../protocol/generation.ts';
import { type Cursor, commonPosition, type Position } from '../protocol/position.ts';
import { gapHealed, portFailed } from '../telemetry/events.ts';
import { describeWaiting, type Waiting } from './describe-waiting.ts';
import { FrameInbox } from './frame-inbox.ts';

export type FollowPorts = {
  log: TokenLog;
  generations: Generations;
  conversations: Conversations;
  line: WaitingLine;
  clock: Clock;
};

/**
 * Milliseconds of silence after which log and row are looked at again (growing to four times that while
 * nothing comes); bytes of live text kept for a slow reader.
 */
export type FollowSettings = { watchdogMs: number; maxBufferedBytes: number };

/** `cursor`: where the reader stands once it has taken the event in. */
export type FollowEvent =
  | ({ kind: 'waiting' } & Waiting)
  | { kind: 'started'; model: string | null }
  | { kind: 'text'; text: string; cursor: Cursor }
  | { kind: 'reasoning'; text: string; cursor: Cursor }
  /** Drop what lies behind `to`: another owner wrote on from there. */
  | { kind: 'rewind'; to: Position; cursor: Cursor }
  | { kind: 'ended'; generation: Generation; cursor: Cursor };

export type TextEvent = Extract<FollowEvent, { kind: 'text' | 'reasoning' }>;
/** In the turn of its frame, which costs no promise; false: not now, it comes as any other event. Must not throw. */
export type TakeText = (event: TextEvent) => boolean;

const WAITING_POLL_MS = 1_000;
const EVENT_BYTES = 64 * 1024;

/**
 * An answer from where the reader stands to its end: replay from the log, cut over to live, end; from the
 * stored message where the log is gone. The log is the buffer of a slow reader, so memory per reader is
 * bounded. A lost frame, log or end costs seconds, never a hanging reader. Throws `generation_not_found`
 * where there is no such answer (any more), and the signal's reason when aborted. `state` and `params`: as the
 * caller has just seen them. Live text goes to `takeText` where there is one, and only while the caller waits
 * for the next event.
 */
export async function* followGeneration(
  ports: FollowPorts,
  settings: FollowSettings,
  ref: GenerationRef & Partial<Pick<Generation, 'state' | 'params'>>,
  from: Cursor,
  signal: AbortSignal,
  takeText: TakeText | null = null,
): AsyncGenerator<FollowEvent, void, void> {
  const wasOver = ref.state !== undefined && isTerminal(ref.state);
  const reader: Reader = { cursor: from, started: from.epoch > 0, waiting: null, silences: 0 };
  for (;;) {
    signal.throwIfAborted();
    using inbox = new FrameInbox(ports.clock, settings.maxBufferedBytes, signal);
    const attachment = await ports.log.attach(ref.id, reader.cursor, (frame) => inbox.put(frame));
    try {
      const { snapshot } = attachment;
      let row: Generation | null = null;
      const isUnknown = !reader.started && !ref.params;
      if (!snapshot || snapshot.closed || isUnknown || reader.silences > 0 || wasOver) {
        row = await ports.generations.find(ref.id);
        if (!row) throw new ChatError('generation_not_found');
      }
      const isOver = row !== null && isTerminal(row.state);
      if (snapshot && !reader.started && !isOver) yield start(reader, row ?? ref);
      if (snapshot) yield* catchUp(reader, snapshot);
      if (row && isOver) {
        // Whoever stored it may have died before this.
        if (snapshot && !snapshot.closed) void closeLog(ports.log, row);
        yield* fromStored(ports, reader, row);
        return;
      }
      const live = new LiveEvents(ports, settings, reader, inbox, snapshot ? null : row, takeText);
      // No generator within this one: it would cost each token two more turns of the event loop's queue.
      while (!live.isOver) for (const event of await live.next()) yield event;
    } finally {
      attachment.detach();
    }
  }
}

async function closeLog(log: TokenLog, { id, epoch }: Generation): Promise<void> {
  await log.close(id, epoch).catch((error: unknown) => {
    portFailed({ port: 'log', operation: 'close', generation: id, error });
  });
}

type BytesFrame = Extract<Frame, { kind: 'bytes' }>;

type Reader = {
  cursor: Cursor;
  started: boolean;
  waiting: Waiting | null;
  /** How often in a row patience ran out. */
  silences: number;
};

function start(reader: Reader, asked: Partial<Pick<Generation, 'params'>> | null): FollowEvent {
  reader.started = true;
  return { kind: 'started', model: asked?.params?.model ?? null };
}

/** Bytes from the log, behind a rewind where the reader holds some that a later epoch has replaced. */
function* catchUp(reader: Reader, snapshot: LogSnapshot): Generator<FollowEvent> {
  // The log has lost an epoch that the reader has seen: its owner is about to put it back.
  if (snapshot.epoch < reader.cursor.epoch) return;
  yield* rewindTo(reader, snapshot.from, snapshot.epoch);
  yield* bytes(reader, snapshot.epoch, snapshot.from, snapshot.text, snapshot.reasoning);
}

function rewindTo(reader: Reader, to: Position, epoch: number): FollowEvent[] {
  const { at } = reader.cursor;
  if (to.text >= at.text && to.reasoning >= at.reasoning) {
    reader.cursor = { epoch, at };
    return [];
  }
  reader.cursor = { epoch, at: to };
  return [{ kind: 'rewind', to, cursor: reader.cursor }];
}

/** What of these bytes lies behind the reader's position; nothing where they would leave a gap. */
function* bytes(
  reader: Reader,
  epoch: number,
  at: Position,
  text: Uint8Array,
  reasoning: Uint8Array,
): Generator<FollowEvent> {
  for (const thought of parts(behind(reasoning, reader.cursor.at.reasoning - at.reasoning))) {
    yield take(reader, epoch, 'reasoning', thought);
  }
  for (const said of parts(behind(text, reader.cursor.at.text - at.text))) yield take(reader, epoch, 'text', said);
}

/** The same of a frame, which is short as a rule: one event then, and no generators. */
function takeFrame(reader: Reader, { epoch, at, text, reasoning }: BytesFrame, events: FollowEvent[]): void {
  if (text.length + reasoning.length > EVENT_BYTES) {
    events.push(...bytes(reader, epoch, at, text, reasoning));
    return;
  }
  const thought = behind(reasoning, reader.cursor.at.reasoning - at.reasoning);
  if (thought.length > 0) events.push(take(reader, epoch, 'reasoning', thought));
  const said = behind(text, reader.cursor.at.text - at.text);
  if (said.length > 0) events.push(take(reader, epoch, 'text', said));
}

function take(reader: Reader, epoch: number, kind: TextEvent['kind'], part: Uint8Array): TextEvent {
  const { text, reasoning } = reader.cursor.at;
  const at = kind === 'text' ? { text: text + part.length, reasoning } : { text, reasoning: reasoning + part.length };
  reader.cursor = { epoch, at };
  return { kind, text: decoder.decode(part), cursor: reader.cursor };
}

function behind(bytes: Uint8Array, known: number): Uint8Array {
  return known <= 0 ? bytes : bytes.subarray(known);
}

/** Whole characters, so many bytes at most: a reader far behind takes one part after the other. */
function* parts(bytes: Uint8Array): Generator<Uint8Array> {
  let rest = bytes;
  while (rest.length > EVENT_BYTES) {
    let end = EVENT_BYTES;
    while (end > 0 && (rest[end]! & 0xc0) === 0x80) end -= 1;
    yield rest.subarray(0, end);
    rest = rest.subarray(end);
  }
  if (rest.length > 0) yield rest;
}

/** Frames as they come, until one does not fit, none comes for too long, or the answer has ended. */
class LiveEvents {
  isOver = false;
  readonly #ports: FollowPorts;
  readonly #settings: FollowSettings;
  readonly #reader: Reader;
  readonly #inbox: FrameInbox;
  readonly #queued: Generation | null;
  readonly #hear: ((frame: Frame) => boolean) | null;
  #patienceMs: number;
  /** At the line, since frames were last waited for. */
  #hasLooked = false;

  /** `queued`: the row, while there is no log yet. */
  constructor(
    ports: FollowPorts,
    settings: FollowSettings,
    reader: Reader,
    inbox: FrameInbox,
    queued: Generation | null,
    takeText: TakeText | null,
  ) {
    this.#ports = ports;
    this.#settings = settings;
    this.#reader = reader;
    this.#inbox = inbox;
    this.#queued = queued;
    this.#hear = takeText && ((frame) => this.#pass(frame, takeText));
    this.#patienceMs = settings.watchdogMs * Math.min(4, 2 ** reader.silences);
  }

  async next(): Promise<readonly FollowEvent[]> {
    if (this.#queued !== null && !this.#hasLooked) {
      this.#hasLooked = true;
      const told = await waiting(this.#ports, this.#reader, this.#queued);
      if (told) return [told];
    }
    this.#hasLooked = false;
    const stepMs = this.#queued ? Math.min(this.#patienceMs, WAITING_POLL_MS) : this.#patienceMs;
    if ((await this.#inbox.wait(stepMs, this.#hear)) === 'silence') {
      this.#patienceMs -= stepMs;
      if (this.#patienceMs <= 0) {
        this.#reader.silences += 1;
        this.isOver = true;
      }
      return [];
    }
    this.#heard();
    return this.#take(this.#inbox.drain());
  }

  #heard(): void {
    this.#reader.silences = 0;
    this.#patienceMs = this.#settings.watchdogMs;
  }

  /** What is more than one piece of text, and right behind the reader, waits for its turn. */
  #pass(frame: Frame, takeText: TakeText): boolean {
    const reader = this.#reader;
    const { cursor } = reader;
    if (frame.kind !== 'bytes' || !reader.started || !isNext(cursor, frame)) return false;
    const kind = frame.reasoning.length === 0 ? 'text' : 'reasoning';
    const part = frame[kind];
    if (part.length === 0 || part.length !== frame.text.length + frame.reasoning.length) return false;
    if (part.length > EVENT_BYTES) return false;
    if (!takeText(take(reader, frame.epoch, kind, part))) {
      reader.cursor = cursor;
      return false;
    }
    this.#heard();
    return true;
  }

  #take(frames: readonly Frame[]): FollowEvent[] {
    const events: FollowEvent[] = [];
    const reader = this.#reader;
    for (const frame of frames) {
      if (frame.kind === 'bytes' && frame.epoch < reader.cursor.epoch) continue;
      if (frame.kind !== 'bytes' || !fitsReader(reader, frame.epoch, frame.at)) {
        if (frame.kind === 'gap' || frame.kind === 'bytes') gapHealed({ reason: frame.kind });
        this.isOver = true;
        break;
      }
      if (!reader.started) events.push(start(reader, this.#queued));
      takeFrame(reader, frame, events);
    }
    return events;
  }
}

function isNext({ epoch, at }: Cursor, frame: BytesFrame): boolean {
  return frame.epoch === epoch && frame.at.text === at.text && frame.at.reasoning === at.reasoning;
}

function fitsReader({ cursor }: Reader, epoch: number, at: Position): boolean {
  const contiguous = at.text <= cursor.at.text && at.reasoning <= cursor.at.reasoning;
  const beginning = cursor.epoch === 0 && cursor.at.text === 0 && cursor.at.reasoning === 0;
  return contiguous && (epoch === cursor.epoch || beginning);
}

/** How it stands in line; null where that is not known, or is as it was. */
async function waiting(ports: FollowPorts, reader: Reader, generation: Generation): Promise<FollowEvent | null> {
  const now = await describeWaiting(ports, generation).catch(() => null);
  if (!now) return null;
  const { waiting: before } = reader;
  reader.waiting = now;
  const isSame = now.position === before?.position && now.estimateSeconds === before.estimateSeconds;
  return isSame ? null : { kind: 'waiting', ...now };
}

/** The rest from the stored message, which is the truth, and the end. */
async function* fromStored(
  ports: FollowPorts,
  reader: Reader,
  generation: Generation,
): AsyncGenerator<FollowEvent, void, void> {
  const { at } = reader.cursor;
  const { length } = generation;
  const lastEpoch = reader.cursor.epoch === generation.epoch;
  if (!(lastEpoch && length && at.text === length.text && at.reasoning === length.reasoning)) {
    const message = await ports.conversations.message(generation.userId, generation.id);
    if (!message) throw new ChatError('generation_not_found');
    const text = encoder.encode(message.content);
    const reasoning = encoder.encode(message.reasoning);
    const common = commonPosition(reader.cursor, message.epochs);
    const from = { text: Math.min(common.text, text.length), reasoning: Math.min(common.reasoning, reasoning.length) };
    const epoch = Math.max(reader.cursor.epoch, generation.epoch);
    yield* rewindTo(reader, from, epoch);
    yield* bytes(reader, epoch, from, text.subarray(from.text), reasoning.subarray(from.reasoning));
  }
  yield { kind: 'ended', generation, cursor: reader.cursor };
}

/** A part that begins with a byte order mark keeps it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();
