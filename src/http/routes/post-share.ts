import { randomUUID } from 'node:crypto';
import { ChatError } from '../../protocol/errors.ts';
import { conversationParams, shareSchema } from '../../protocol/requests.ts';
import { itemSchema } from '../../protocol/resources.ts';
import { EXAMPLE_SHARE } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { itemResource } from '../represent.ts';
import { defineRoute } from '../route.ts';

const MOST_SHARES = 1000;

export const postShare = defineRoute({
  id: 'postShare',
  method: 'POST',
  path: '/users/{user_id}/conversations/{number}/shares',
  group: 'Items',
  summary: 'Share a conversation by a link',
  description:
    'A branch as it stands now, to read at `/s/{id}` without a key by whoever has the link: 122 random bits. What is said later is not shown. It ends when the item is removed or the conversation deleted.',
  access: 'key',
  params: conversationParams,
  body: shareSchema,
  bodyPresence: 'optional',
  responses: { 201: { description: 'Shared.', schema: itemSchema, example: EXAMPLE_SHARE } },
  errors: ['conversation_not_found', 'message_not_found', 'not_acceptable_state', 'too_many_items', 'rate_limited'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' }, body: {} },
  async handle(http, input) {
    const { number } = input.params;
    await takeRequest(http, input, input.params.user_id);
    const userId = await findUserOfConversation(http, input.caller, input.params.user_id);
    const { conversations, items, clock } = http.deps.ports;
    const conversation = await conversations.get(userId, number);
    const { leaf: named } = input.body;
    const newest = await conversations.branch(userId, number, {
      limit: 2,
      ...(named && { leaf: named.toLowerCase() }),
    });
    if (!conversation || !newest) throw new ChatError('conversation_not_found');
    if (conversation.temporary) throw new ChatError('not_acceptable_state', { details: { state: 'temporary' } });
    // An answer that is still being made is not part of it.
    const leaf = newest.find(({ pending }) => pending === null);
    if (!leaf) throw new ChatError('message_not_found');
    const share = {
      kind: 'share',
      id: randomUUID(),
      conversationId: conversation.id,
      number,
      leaf: leaf.id,
      title: conversation.title,
    } as const;
    await items.put(userId, share, MOST_SHARES);
    const now = clock.now();
    return { status: 201, body: itemResource({ ...share, createdAt: now, updatedAt: now }) };
  },
});
