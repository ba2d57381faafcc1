import { correlationParams, generationParams, streamQuery } from '../../protocol/requests.ts';
import type { Caller } from '../caller.ts';
import { readFrom } from '../event-id.ts';
import { EXAMPLE_ID, EXAMPLE_STREAM } from '../examples.ts';
import { findGeneration } from '../find-generation.ts';
import type { Http } from '../http.ts';
import { type Answer, defineRoute, noContent, type RouteFacts, type RouteInput } from '../route.ts';
import { streamGeneration } from '../sse.ts';

const facts = {
  method: 'GET',
  group: 'Chat',
  summary: 'The answer as it is written, as server-sent events',
  description: [
    'Each event is `data: {"token":"…","done":false}`; the last two are `data: {"token":"","done":true,"receipt":{…}}` and `data: [DONE]`.',
    'Every event has an `id:`. Send the last one received as `Last-Event-ID`, and the stream goes on right behind it, to the byte, for as long as the conversation exists.',
    'Named events may be ignored: `waiting` and `start` tell how things stand; `reasoning` carries what the model writes before its answer; `restart` says to drop all text, `rewind` to keep `offset` bytes of it; `error` says why there is no whole answer.',
    'The id of the last event ends in `-end`; a reconnect with it is answered 204, so that `EventSource` rests. Closing the connection does not stop the answer.',
  ].join('\n\n'),
  access: 'key',
  headers: ['Last-Event-ID'],
  responses: {
    200: { description: 'Events until the answer ends.', contentType: 'text/event-stream', example: EXAMPLE_STREAM },
    204: { description: 'The reader already has the end.' },
  },
  errors: ['generation_not_found', 'event_id_invalid', 'too_many_streams'],
} as const satisfies Partial<RouteFacts>;

export const getStream = defineRoute({
  ...facts,
  id: 'getStream',
  path: '/stream/{correlation_id}',
  params: correlationParams,
  query: streamQuery,
  unknownParam: { correlation_id: 'generation_not_found' },
  example: { params: { correlation_id: EXAMPLE_ID } },
  handle: (http, input) => stream(http, input, input.params.correlation_id),
});

export const getGenerationStream = defineRoute({
  ...facts,
  id: 'getGenerationStream',
  group: 'Generations',
  path: '/generations/{id}/stream',
  description: 'The same as `GET /stream/{correlation_id}`.',
  params: generationParams,
  query: streamQuery,
  unknownParam: { id: 'generation_not_found' },
  example: { params: { id: EXAMPLE_ID } },
  handle: (http, input) => stream(http, input, input.params.id),
});

async function stream(
  http: Http,
  input: Pick<RouteInput<unknown, { last_event_id?: string }, unknown>, 'query' | 'request' | 'reply'> & {
    caller: Caller;
  },
  id: string,
): Promise<Answer> {
  const generation = await findGeneration(http, input.caller, id);
  const lastEventId = input.request.headers['last-event-id'] ?? input.query.last_event_id ?? '';
  const from = readFrom(String(lastEventId), generation.epoch);
  if (from === 'end') return noContent;
  await streamGeneration(http, input.reply, generation, from);
  return 'taken';
}
