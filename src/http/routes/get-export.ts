import { ChatError } from '../../protocol/errors.ts';
import { conversationParams, exportQuery } from '../../protocol/requests.ts';
import { exportSchema } from '../../protocol/resources.ts';
import { EXAMPLE_CONVERSATION, EXAMPLE_MESSAGE } from '../examples.ts';
import { findUserOfConversation } from '../find-user.ts';
import { renderMarkdown } from '../render-markdown.ts';
import { conversationResource, messageResources } from '../represent.ts';
import { defineRoute } from '../route.ts';

export const getExport = defineRoute({
  id: 'getExport',
  method: 'GET',
  path: '/users/{user_id}/conversations/{number}/export',
  group: 'Conversations',
  summary: 'A conversation as a file',
  description: 'As Markdown to read, the newest branch first; or as JSON with everything that is kept.',
  access: 'key',
  params: conversationParams,
  query: exportQuery,
  responses: {
    200: {
      description: 'An attachment. `text/markdown` where that was asked for, or nothing was.',
      schema: exportSchema,
      example: { conversation: EXAMPLE_CONVERSATION, messages: [EXAMPLE_MESSAGE] },
    },
  },
  errors: ['conversation_not_found'],
  unknownParam: { number: 'conversation_not_found' },
  example: { params: { user_id: 'ada', number: '42' }, query: { format: 'json' } },
  async handle(http, { caller, params, query }) {
    const userId = await findUserOfConversation(http, caller, params.user_id);
    const { conversations } = http.deps.ports;
    const [conversation, messages] = await Promise.all([
      conversations.get(userId, params.number),
      conversations.all(userId, params.number),
    ]);
    if (!conversation || !messages) throw new ChatError('conversation_not_found');
    const json = query.format === 'json';
    const name = `conversation-${params.number}.${json ? 'json' : 'md'}`;
    const attachment = { 'content-disposition': `attachment; filename="${name}"` };
    if (json) {
      const body = { conversation: conversationResource(conversation), messages: messageResources(messages) };
      return { status: 200, body, headers: attachment };
    }
    const type = 'text/markdown; charset=utf-8';
    return {
      status: 200,
      body: renderMarkdown(conversation, messages),
      headers: { ...attachment, 'content-type': type },
    };
  },
});
