import { Readable } from 'node:stream';
import Type from 'typebox';
import type { Conversations } from '../../ports/conversations.ts';
import type { UserId } from '../../ports/generations.ts';
import { userParams } from '../../protocol/requests.ts';
import { exportSchema, itemSchema } from '../../protocol/resources.ts';
import { EXAMPLE_CONVERSATION, EXAMPLE_ITEM, EXAMPLE_MESSAGE } from '../examples.ts';
import { findUser } from '../find-user.ts';
import type { Http } from '../http.ts';
import { takeRequest } from '../rate-limit.ts';
import { conversationResource, itemResource, messageResources } from '../represent.ts';
import { defineRoute } from '../route.ts';

const A_PAGE = 100;

export const getUserExport = defineRoute({
  id: 'getUserExport',
  method: 'GET',
  path: '/users/{user_id}/export',
  group: 'Users',
  summary: 'Everything of a user as a file',
  description:
    'JSON, sent as it is read: what the user arranged, and all conversations but temporary ones, each as its own export has it. A file that ends early is no JSON.',
  access: 'key',
  params: userParams,
  responses: {
    200: {
      description: 'An attachment.',
      schema: Type.Object({
        format: Type.Literal('chatterbot'),
        version: Type.Literal(1),
        exported_at: Type.String({ format: 'date-time' }),
        items: Type.Array(itemSchema),
        conversations: Type.Array(exportSchema),
      }),
      example: {
        format: 'chatterbot',
        version: 1,
        exported_at: EXAMPLE_CONVERSATION.created_at,
        items: [EXAMPLE_ITEM],
        conversations: [{ conversation: EXAMPLE_CONVERSATION, messages: [EXAMPLE_MESSAGE] }],
      },
    },
  },
  errors: ['rate_limited'],
  example: { params: { user_id: 'ada' } },
  async handle(http, input) {
    await takeRequest(http, input, input.params.user_id);
    const userId = await findUser(http, input.caller, input.params.user_id);
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': 'attachment; filename="chatterbot-export.json"',
    };
    return { status: 200, body: Readable.from(written(http, userId)), headers };
  },
});

async function* written(http: Http, userId: UserId | null): AsyncGenerator<string> {
  const { conversations, items, clock } = http.deps.ports;
  const arranged = userId === null ? [] : (await items.list(userId)).map(itemResource);
  const exportedAt = new Date(clock.now()).toISOString();
  const head = { format: 'chatterbot', version: 1, exported_at: exportedAt, items: arranged };
  yield `${JSON.stringify(head).slice(0, -1)},"conversations":[`;
  let before = '\n';
  for (const number of userId === null ? [] : await numbersOf(conversations, userId)) {
    const [conversation, messages] = await Promise.all([
      conversations.get(userId!, number),
      conversations.all(userId!, number),
    ]);
    // Deleted since it was listed.
    if (!conversation || !messages) continue;
    const body = { conversation: conversationResource(conversation), messages: messageResources(messages) };
    yield before + JSON.stringify(body);
    before = ',\n';
  }
  yield '\n]}\n';
}

/** First: one that is talked in moves in the list while it is read. Oldest first. */
async function numbersOf(conversations: Conversations, userId: UserId): Promise<number[]> {
  const numbers: number[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const page = await conversations.list(userId, { limit: A_PAGE, ...(after !== undefined && { after }) });
    numbers.push(...page.items.map(({ number }) => number));
    after = page.next;
  }
  return numbers.sort((a, b) => a - b);
}
