import type { FastifyReply } from 'fastify';
import { type FollowEvent, followGeneration, type TextEvent } from '../core/follow-generation.ts';
import type { Generation } from '../ports/generations.ts';
import { type Cursor, formatEventId } from '../protocol/position.ts';
import { DONE, type NamedEvents, type PlainEvent } from '../protocol/stream-events.ts';
import { logger } from '../telemetry/logger.ts';
import { failureOf } from './failure.ts';
import type { Http } from './http.ts';
import { SseConnection } from './sse-connection.ts';

/** Browsers reconnect after this many milliseconds. */
const PREAMBLE = 'retry: 1000\n\n';

/**
 * Writes the answer to the connection as it is made. The follower is asked for the next event only
 * when the socket has taken the one before: what a reader has not read yet waits in the token log.
 * Its leaving ends the following and never the generation.
 */
export async function streamGeneration(
  http: Http,
  reply: FastifyReply,
  generation: Generation,
  from: Cursor,
): Promise<void> {
  const { id, userId } = generation;
  using connection = new SseConnection(http, reply, { userId, transport: 'sse', generation: id });
  try {
    await connection.write(PREAMBLE);
    await writeEvents(http, connection, generation, from);
    connection.ended();
  } catch (error) {
    if (connection.ended(error) === 'error')
      logger().error({ generation: id, request_id: reply.request.id, error }, 'stream failed');
  }
}

async function writeEvents(http: Http, connection: SseConnection, generation: Generation, from: Cursor): Promise<void> {
  const { ports, follow } = http.deps;
  let at = from;
  const takeText = (event: TextEvent) => {
    if (!connection.writeNow(renderEvent(event, event.cursor))) return false;
    at = event.cursor;
    return true;
  };
  for await (const event of followGeneration(ports, follow, generation, from, connection.signal, takeText)) {
    if ('cursor' in event) at = event.cursor;
    const behind = connection.write(renderEvent(event, at));
    if (behind) await behind;
  }
}

/** `at`: where the reader stands after the event. */
function renderEvent(event: FollowEvent, at: Cursor): string {
  const id = formatEventId(at);
  switch (event.kind) {
    case 'waiting':
      return named('waiting', id, { position: event.position, estimate_seconds: event.estimateSeconds });
    case 'started':
      return named('start', id, { model: event.model });
    case 'text':
      return `id: ${id}\ndata: {"token":${JSON.stringify(event.text)},"done":false}\n\n`;
    case 'reasoning':
      return named('reasoning', id, { token: event.text });
    case 'rewind':
      return event.to.text === 0 && event.to.reasoning === 0
        ? named('restart', id, {})
        : named('rewind', id, { offset: event.to.text, reasoning: event.to.reasoning });
    case 'ended':
      return renderEnd(event.generation, at);
  }
}

function renderEnd(generation: Generation, at: Cursor): string {
  const id = formatEventId(at);
  const failure = failureOf(generation, at.at.text > 0);
  return [
    failure ? named('error', id, failure) : '',
    generation.receipt ? plain(id, { token: '', done: true, receipt: generation.receipt }) : '',
    `id: ${formatEventId(at, true)}\ndata: ${DONE}\n\n`,
  ].join('');
}

function plain(id: string, event: PlainEvent): string {
  return `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}

function named<Name extends keyof NamedEvents>(name: Name, id: string, data: NamedEvents[Name]): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
