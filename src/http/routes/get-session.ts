import { LOCAL_USER } from '../../protocol/local-user.ts';
import { sessionSchema } from '../../protocol/resources.ts';
import { operates } from '../operator.ts';
import { defineRoute, ok } from '../route.ts';

export const getSession = defineRoute({
  id: 'getSession',
  method: 'GET',
  path: '/session',
  group: 'Sessions',
  summary: 'For whom this browser speaks',
  description: '401 where the page must ask for a key.',
  access: 'key',
  responses: {
    200: {
      description: 'Signed in.',
      schema: sessionSchema,
      example: { user_id: 'local', workspace: 'default', signed_in: false, operates: true },
    },
  },
  errors: [],
  example: {},
  async handle(http, { caller }) {
    return ok({
      user_id: LOCAL_USER,
      workspace: caller.workspace.name,
      signed_in: caller.via === 'session',
      operates: operates(http, caller),
    });
  },
});
