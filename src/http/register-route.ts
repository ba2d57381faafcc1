import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';
import { idempotencyKeyOf } from './idempotency.ts';
import type { Route } from './route.ts';
import { checkBody, checkStrings } from './validate.ts';

/** Who calls comes first: nobody learns from a stranger's request what would have been wrong with it. */
export function registerRoute(app: FastifyInstance, http: Http, route: Route): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.route({
    method: route.method,
    ...(route.bodyBound === 'import' && { bodyLimit: http.options.maxImportBytes }),
    url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    async onRequest(request) {
      if (route.access === 'key') callers.set(request, await http.auth.authenticate(request));
    },
    async handler(request, reply) {
      const answer = await route.handle(http, inputOf(route, request, reply, callers.get(request)));
      if (answer === 'taken') return reply;
      void reply.code(answer.status).headers({ 'cache-control': 'no-store', ...answer.headers });
      return reply.send(answer.body);
    },
  });
}

function inputOf(route: Route, request: FastifyRequest, reply: FastifyReply, caller: Caller | undefined) {
  const { params, query, body, headers, bodyPresence, unknownParam } = route;
  if (headers?.includes('Idempotency-Key')) idempotencyKeyOf(request);
  return {
    params: params && checkStrings(params, request.params, unknownParam),
    query: query && checkStrings(query, request.query),
    body: body && checkBody(body, bodyPresence === 'optional' ? (request.body ?? {}) : request.body),
    request,
    reply,
    get caller(): Caller {
      if (!caller) throw new Error(`${route.id} is open and has no caller`);
      return caller;
    },
  };
}
