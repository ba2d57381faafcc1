import { importConversation } from '../../core/import-conversation.ts';
import { importConversationSchema, userParams } from '../../protocol/requests.ts';
import { importedSchema } from '../../protocol/resources.ts';
import { cleanText } from '../accept.ts';
import { allowUser } from '../auth.ts';
import { takeRequest } from '../rate-limit.ts';
import { defineRoute } from '../route.ts';

export const postImport = defineRoute({
  id: 'postImport',
  method: 'POST',
  path: '/users/{user_id}/imports',
  group: 'Conversations',
  summary: 'Import a conversation',
  description:
    'One that was held elsewhere, with its branches, in one step or not at all. The same `source` is imported once: an import that broke off is begun again from the start and goes on where it was.',
  access: 'key',
  params: userParams,
  body: importConversationSchema,
  bodyBound: 'import',
  responses: {
    200: { description: 'It was there already.', schema: importedSchema, example: { number: 7, imported: false } },
    201: { description: 'It is there now.', schema: importedSchema, example: { number: 7, imported: true } },
  },
  errors: ['rate_limited'],
  example: {
    params: { user_id: 'ada' },
    body: {
      source: 'chatgpt:6790b0c2',
      title: 'The capital of France',
      messages: [
        { parent: null, role: 'user', content: 'What is the capital of France?' },
        { parent: 0, role: 'assistant', content: 'Paris.' },
      ],
    },
  },
  async handle(http, input) {
    const { caller, params, body } = input;
    await takeRequest(http, input, params.user_id);
    const { number, isNew } = await importConversation(http.deps.ports, {
      workspaceId: caller.workspace.id,
      externalUserId: allowUser(caller, params.user_id),
      source: cleanText(body.source),
      title: cleanText(body.title),
      archived: body.archived ?? false,
      createdAt: timeOf(body.created_at),
      updatedAt: timeOf(body.updated_at),
      messages: body.messages.map(({ parent, role, content, created_at }) => ({
        parent,
        role,
        content: cleanText(content),
        createdAt: timeOf(created_at),
      })),
    });
    return { status: isNew ? 201 : 200, body: { number, imported: isNew } };
  },
});

const timeOf = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text));
