import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import fastify, { type FastifyInstance } from 'fastify';
import { ChatError } from '../protocol/errors.ts';
import { buildAsyncApi } from './asyncapi.ts';
import { createAuthenticator } from './auth.ts';
import { Connections } from './connections.ts';
import { serveDocs } from './docs-page.ts';
import { rawErrorResponse, sendError } from './error-response.ts';
import type { Http, HttpDeps } from './http.ts';
import type { HttpOptions } from './http-options.ts';
import { OpenStreams } from './open-streams.ts';
import { buildOpenApi } from './openapi.ts';
import { servePage } from './page.ts';
import { parseJson } from './parse-json.ts';
import { registerRoute } from './register-route.ts';
import { routeTable } from './route-table.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { allowedMethods } from './unknown-address.ts';
import { isForSocket, serveWebSocket } from './websocket/serve-websocket.ts';

/** A `user_id` of 50 characters, each of them four bytes, percent-encoded. */
const LONGEST_PARAM = 600;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 65_000;
/** How late those two bounds may be noticed. */
const TIMEOUT_CHECK_MS = 2_000;

/**
 * The HTTP server, not yet listening. Closing it ends the streams, without a last event, so that their
 * readers come back elsewhere, and answers what waits in `POST /chat` with 202.
 */
export async function createHttpServer(deps: HttpDeps, options: HttpOptions): Promise<FastifyInstance> {
  const routes = routeTable(options.requestLimits);
  const closing = new AbortController();
  const http: Http = {
    deps,
    options,
    auth: createAuthenticator(deps.ports.workspaces, deps.ports.sessions, options),
    streams: new OpenStreams(options.maxStreamsPerUser),
    closing: closing.signal,
    openApi: buildOpenApi(routes, options.version),
    asyncApi: buildAsyncApi(options.requestLimits, options.version),
  };

  const app = createApp(options);
  const connections = new Connections(app.server);
  await app.register(cookie);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id });
    if (closing.signal.aborted) throw new ChatError('shutting_down');
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing.signal.aborted) void reply.header('connection', 'close');
  });
  app.addHook('preClose', async () => {
    closing.abort();
    http.streams.closeAll();
    connections.letGo();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, options.maxBodyBytes));
  app.setNotFoundHandler((request, reply) => {
    const methods = allowedMethods(routes, request.url);
    if (methods.length === 0) throw new ChatError('not_found');
    void reply.header('allow', methods.join(', '));
    throw new ChatError('method_not_allowed');
  });
  for (const route of routes) registerRoute(app, http, route);
  await serveWebSocket(app, http);
  serveDocs(app, http.openApi);
  if (options.page !== null) await servePage(app, options.page);
  return app;
}

function createApp(options: HttpOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: options.maxBodyBytes,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      shouldUpgradeCallback: ({ url }) => isForSocket(url),
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, options.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, options.requestTimeoutMs),
    },
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: LONGEST_PARAM },
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, options.maxBodyBytes),
    clientErrorHandler(error, socket) {
      const { code } = error as { code?: string };
      const status =
        code === 'HPE_HEADER_OVERFLOW'
          ? 'header_too_large'
          : code === 'ERR_HTTP_REQUEST_TIMEOUT'
            ? 'request_timeout'
            : 'invalid_request';
      if (code !== 'ECONNRESET' && socket.writable && socket.bytesWritten === 0) socket.end(rawErrorResponse(status));
      else socket.destroy();
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) =>
    parseJson(body),
  );
  return app;
}
