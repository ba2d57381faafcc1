import type { UserItems } from '../../ports/user-items.ts';
import { ChatError } from '../../protocol/errors.ts';
import { changeConversationSchema, conversationParams } from '../../protocol/requests.ts';
import { conversationSchema } from '../../protocol/resources.ts';
import { cleanText, settingsOf } from '../accept.ts';
import { EXAMPLE_CONVERSATION } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { takeRequest } from '../rate-limit.ts';
import { conversationResource } from '../represent.ts';
import { defineRoute, ok } from '../route.ts';

export const patchConversation = defineRoute({
  id: 'patchConversation',
  method: 'PATCH',
  path: '/users/{user_id}/conversations/{number}',
  group: 'Conversations',
  summary: 'Change a conversation',
  description: 'Title, pin, archive, folder, settings: only what is sent is changed. Settings are replaced as a whole.',
  access: 'key',
  params: conversationParams,
  body: changeConversationSchema,
  responses: {
    200: {
      description: 'As it is now.',
      schema: conversationSchema,
      example: { ...EXAMPLE_CONVERSATION, pinned: true },
    },
  },
  errors: ['conversation_not_found', 'item_not_found', 'rate_limited'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' }, body: { pinned: true } },
  async handle(http, input) {
    await takeRequest(http, input, input.params.user_id);
    const userId = await findUserOfConversation(http, input.caller, input.params.user_id);
    const { title, folder, settings, ...marks } = input.body;
    const { conversations, items } = http.deps.ports;
    const folderId = folder?.toLowerCase() ?? null;
    if (folderId !== null && !(await hasFolder(items, userId, folderId))) throw new ChatError('item_not_found');
    const conversation = await conversations.update(userId, input.params.number, {
      ...marks,
      ...(title !== undefined && { title: cleanText(title) }),
      ...(folder !== undefined && { folderId }),
      ...(settings !== undefined && { settings: settingsOf(settings) }),
    });
    if (!conversation) throw new ChatError('conversation_not_found');
    return ok(conversationResource(conversation));
  },
});

async function hasFolder(items: UserItems, userId: string, id: string): Promise<boolean> {
  return (await items.list(userId)).some((item) => item.kind === 'folder' && item.id === id);
}
