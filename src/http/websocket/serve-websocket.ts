import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ChatError } from '../../protocol/errors.ts';
import { SOCKET_CLOSE } from '../../protocol/websocket.ts';
import { keyOf } from '../auth.ts';
import type { Caller } from '../caller.ts';
import type { Http } from '../http.ts';
import { SocketSession } from './socket-session.ts';

export const SOCKET_PATH = '/ws';

/** Anything else that asks for an upgrade is answered as if it had not. */
export function isForSocket(url: string | undefined): boolean {
  return url?.split('?', 1)[0] === SOCKET_PATH;
}

export async function serveWebSocket(app: FastifyInstance, http: Http): Promise<void> {
  await app.register(websocket, { options: { maxPayload: http.options.maxBodyBytes, perMessageDeflate: false } });
  const callers = new WeakMap<FastifyRequest, Caller | null>();
  app.route({
    method: 'GET',
    url: SOCKET_PATH,
    exposeHeadRoute: false,
    async onRequest(request) {
      if (request.ws) callers.set(request, await callerOf(http, request));
    },
    handler() {
      throw new ChatError('upgrade_required');
    },
    wsHandler(socket, request) {
      const caller = callers.get(request) ?? null;
      try {
        // As many sockets as streams.
        const { close } = http.streams.open(`socket ${caller?.workspace.id ?? ''} ${caller?.credential ?? request.ip}`);
        socket.once('close', close);
      } catch {
        socket.close(SOCKET_CLOSE.tooMany, 'too many sockets');
        return;
      }
      new SocketSession(http, socket, request, caller).start();
    },
  });
}

/** Null: it has still to say who it is. A key that is sent in a header decides alone. */
async function callerOf(http: Http, request: FastifyRequest): Promise<Caller | null> {
  const hasKey = keyOf(request) !== null;
  return await http.auth.authenticate(request).catch((error: unknown) => {
    const isStranger = error instanceof ChatError && ['unauthorized', 'forbidden_origin'].includes(error.code);
    if (isStranger && !hasKey) return null;
    throw error;
  });
}
