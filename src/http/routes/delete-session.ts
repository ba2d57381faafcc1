import { defineRoute, noContent } from '../route.ts';
import { SESSION_COOKIE, sessionCookie } from '../session-cookie.ts';

export const deleteSession = defineRoute({
  id: 'deleteSession',
  method: 'DELETE',
  path: '/session',
  group: 'Sessions',
  summary: 'Sign out',
  description: 'Ends the session that the cookie names, if there is one.',
  access: 'open',
  responses: { 204: { description: 'Signed out.' } },
  errors: ['state_unavailable'],
  example: {},
  async handle(http, { request, reply }) {
    const token = request.cookies[SESSION_COOKIE];
    if (token) await http.deps.ports.sessions.close(token);
    void reply.clearCookie(SESSION_COOKIE, sessionCookie(http.options));
    return noContent;
  },
});
