import { listDeadLettersQuery } from '../../protocol/requests.ts';
import { generationSchema, pageOf } from '../../protocol/resources.ts';
import { EXAMPLE_DEAD_LETTER } from '../examples.ts';
import { findUser } from '../find-user.ts';
import { generationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

const ORDINARY_LIMIT = 50;

export const listDeadLetters = defineRoute({
  id: 'listDeadLetters',
  method: 'GET',
  path: '/dead-letters',
  group: 'Generations',
  summary: 'Answers that failed for good',
  description:
    'Of this workspace, newest first, a page at a time: pass `next` as `before`. Each says in `error` why it failed.',
  access: 'key',
  query: listDeadLettersQuery,
  responses: {
    200: {
      description: 'A page.',
      schema: pageOf(generationSchema, 'Pass it as `before`; null at the end.'),
      example: { items: [EXAMPLE_DEAD_LETTER], next: null },
    },
  },
  errors: [],
  example: { query: { limit: '50' } },
  async handle(http, { caller, query }) {
    const { ports } = http.deps;
    const limit = query.limit ?? ORDINARY_LIMIT;
    const before = query.before?.toLowerCase();
    const letters = await ports.deadLetters.list({
      workspaceId: caller.workspace.id,
      limit,
      ...(before !== undefined && { before }),
    });
    const own = caller.onlyUser === null ? null : await findUser(http, caller, caller.onlyUser);
    const seen = caller.onlyUser === null ? letters : letters.filter(({ userId }) => userId === own);
    const next = letters.length === limit ? letters.at(-1)!.id : null;
    return ok({ items: await Promise.all(seen.map((letter) => generationResource(ports, letter))), next });
  },
});
