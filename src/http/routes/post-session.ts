import { ChatError } from '../../protocol/errors.ts';
import { openSessionSchema } from '../../protocol/requests.ts';
import { takeFromLimit } from '../rate-limit.ts';
import { defineRoute, noContent } from '../route.ts';
import { originOf } from '../same-origin.ts';
import { SESSION_COOKIE, sessionCookie } from '../session-cookie.ts';

const ATTEMPTS_PER_MINUTE = 10;
const MINUTE_MS = 60_000;

export const postSession = defineRoute({
  id: 'postSession',
  method: 'POST',
  path: '/session',
  group: 'Sessions',
  summary: 'Exchange an API key for a cookie',
  description:
    'For the page: the cookie is HttpOnly and SameSite=Strict, and speaks for the user `local` of the key’s workspace.',
  access: 'open',
  body: openSessionSchema,
  responses: { 204: { description: 'Signed in.', headers: { 'Set-Cookie': 'The session.' } } },
  errors: ['unauthorized', 'forbidden_origin', 'rate_limited', 'database_unavailable', 'state_unavailable'],
  example: { body: { api_key: 'YOUR_KEY' } },
  async handle(http, { request, reply, body }) {
    if (originOf(request) === 'foreign') throw new ChatError('forbidden_origin');
    await takeFromLimit(http.deps.ports.limits, reply, {
      scope: 'session',
      key: request.ip,
      limit: ATTEMPTS_PER_MINUTE,
      windowMs: MINUTE_MS,
    });
    const found = await http.auth.findKey(body.api_key);
    if (!found) throw new ChatError('unauthorized');
    const token = await http.deps.ports.sessions.open(found.hash);
    void reply.setCookie(SESSION_COOKIE, token, sessionCookie(http.options));
    return noContent;
  },
});
