import { type FollowEvent, followGeneration } from '../../core/follow-generation.ts';
import type { Generation } from '../../ports/generations.ts';
import { type Cursor, formatEventId } from '../../protocol/position.ts';
import type { SocketEvent } from '../../protocol/websocket.ts';
import { failureOf } from '../failure.ts';
import type { Http } from '../http.ts';
import type { SocketChannel } from './socket-channel.ts';

/** Tells of one answer until it ends. What a slow reader has not taken yet waits in the token log. */
export async function tellAnswer(
  http: Http,
  channel: SocketChannel,
  generation: Generation,
  from: Cursor,
  signal: AbortSignal,
): Promise<void> {
  const { ports, follow } = http.deps;
  let at = from;
  for await (const event of followGeneration(ports, follow, generation, from, signal)) {
    if ('cursor' in event) at = event.cursor;
    await channel.send(toEvent(event, generation.id, at));
  }
}

function toEvent(event: FollowEvent, generation_id: string, at: Cursor): SocketEvent {
  const place = { generation_id, id: formatEventId(at) };
  switch (event.kind) {
    case 'waiting':
      return { type: 'waiting', ...place, position: event.position, estimate_seconds: event.estimateSeconds };
    case 'started':
      return { type: 'begin', ...place, model: event.model };
    case 'text':
    case 'reasoning':
      return { type: event.kind, ...place, text: event.text };
    case 'rewind':
      return { type: 'rewind', ...place, offset: event.to.text, reasoning: event.to.reasoning };
    case 'ended': {
      const error = failureOf(event.generation, at.at.text > 0);
      return { type: 'end', ...place, id: formatEventId(at, true), error, receipt: event.generation.receipt };
    }
  }
}
