import type { TSchema } from 'typebox';
import type { RequestLimits } from '../protocol/requests.ts';
import { SOCKET_CLOSE, socketCommands, socketEvents } from '../protocol/websocket.ts';
import { componentise } from './openapi.ts';
import type { AsyncApi, Json } from './openapi-document.ts';

const ABOUT = [
  'One JSON object a message. Send the key in the header `X-API-Key` or `Authorization: Bearer`, or, where a browser cannot, in the command `auth` as the first message.',
  'Any number of answers go over one socket, told apart by `generation_id`. After a reconnect, `follow` with the `id` of the last event goes on right behind it. Closing the socket stops no answer.',
  `The server pings; one that does not answer is dropped. It closes with 1001 (going away), 1009 (message too large), ${SOCKET_CLOSE.unauthorized} (no known key), ${SOCKET_CLOSE.slow} (takes nothing), ${SOCKET_CLOSE.tooMany} (too many sockets).`,
].join('\n\n');

/** What is spoken over `/ws`, as an AsyncAPI 3.0 document, made from the schemas that commands are checked with. */
export function buildAsyncApi(limits: RequestLimits, version: string): AsyncApi {
  const schemas: Record<string, Json> = {};
  const commands = messagesOf(socketCommands(limits), schemas);
  const events = messagesOf(socketEvents, schemas);
  const names = (messages: Record<string, Json>) => Object.keys(messages);
  return {
    asyncapi: '3.0.0',
    info: { title: 'ChatterBot over WebSocket', version, description: ABOUT },
    defaultContentType: 'application/json',
    servers: {
      server: { host: '127.0.0.1:8001', protocol: 'ws', security: [{ $ref: '#/components/securitySchemes/apiKey' }] },
    },
    channels: {
      socket: {
        address: '/ws',
        description: 'Commands in, events out.',
        messages: Object.fromEntries(
          [...names(commands), ...names(events)].map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
      },
    },
    operations: {
      command: operation('receive', 'What a client may send.', names(commands)),
      event: operation('send', 'What the server says.', names(events)),
    },
    components: {
      messages: { ...commands, ...events },
      schemas,
      securitySchemes: { apiKey: { type: 'httpApiKey', in: 'header', name: 'X-API-Key' } },
    },
  };
}

function messagesOf(group: Readonly<Record<string, TSchema>>, schemas: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(group).map(([name, schema]) => {
      const { description } = schema as { description?: string };
      return [name, { name, summary: description, payload: componentise(schema, schemas) }];
    }),
  );
}

function operation(action: 'send' | 'receive', summary: string, names: readonly string[]): Json {
  return {
    action,
    summary,
    channel: { $ref: '#/channels/socket' },
    messages: names.map((name) => ({ $ref: `#/channels/socket/messages/${name}` })),
  };
}
