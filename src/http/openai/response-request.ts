import { type Generation, isStored } from '../../ports/generations.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import { ChatError } from '../../protocol/errors.ts';
import { OPENAI_MAX_TOKENS, type ResponseInputItem, type ResponseRequest } from '../../protocol/openai-requests.ts';
import { splitToolCalls } from '../../protocol/tool-calls.ts';
import type { Caller } from '../caller.ts';
import { findGeneration } from '../find-generation.ts';
import type { Http } from '../http.ts';
import { type Place, userOf } from './accept-openai.ts';
import { type Asked, clean, formatOf, refused, samplingOf, textOf, toolsOf } from './chat-request.ts';

export const responseId = ({ id }: Pick<Generation, 'id'>): string => `resp_${id}`;

/** Messages of a stored conversation that are placed before a response's own. */
const HISTORY_MESSAGES = 200;

export async function readResponse(
  http: Http,
  caller: Caller,
  body: ResponseRequest,
): Promise<{ asked: Asked; place: Place | undefined }> {
  const before = body.previous_response_id == null ? null : await findBefore(http, caller, body);
  const choice = body.tool_choice;
  const asked = {
    prompt: [
      ...(body.instructions ? [{ role: 'system' as const, content: clean(body.instructions) }] : []),
      ...(before?.history ?? []),
      ...toMessages(body.input),
    ],
    params: {
      ...samplingOf(body),
      maxTokens: body.max_output_tokens ?? OPENAI_MAX_TOKENS,
      ...toolsOf(body.tools, choice && typeof choice === 'object' ? choice.name : choice, body.parallel_tool_calls),
      ...formatOf(body.text?.format),
    },
  };
  return { asked, place: before?.place };
}

/** A response that was stored, by the id that its caller has. */
export async function findResponse(http: Http, caller: Caller, id: string): Promise<Generation> {
  if (!id.startsWith('resp_')) throw new ChatError('generation_not_found');
  return await findGeneration(http, caller, id.slice('resp_'.length));
}

async function findBefore(http: Http, caller: Caller, body: ResponseRequest) {
  const { conversations, directory } = http.deps.ports;
  const generation = await findResponse(http, caller, body.previous_response_id!);
  const userId = await directory.findUser(caller.workspace.id, userOf(caller, body));
  if (generation.userId !== userId || !isStored(generation)) throw new ChatError('generation_not_found');
  const stored = await conversations.history(userId, generation.conversationId, generation.id, HISTORY_MESSAGES);
  if (stored.at(-1)?.id !== generation.id)
    throw new ChatError('not_acceptable_state', { details: { state: generation.state } });
  const history = stored.map((message, index): ChatMessage => {
    if (message.role === 'user') return { role: 'user', content: message.content };
    const { text, toolCalls } = splitToolCalls(message.content);
    // Of older calls it is not kept which result was whose.
    const isOpen = index === stored.length - 1 && toolCalls.length > 0;
    return { role: 'assistant', content: text, ...(isOpen && { toolCalls }) };
  });
  return { history, place: { conversation: generation.conversationNumber, parentId: generation.id } };
}

function toMessages(input: ResponseRequest['input']): ChatMessage[] {
  if (typeof input === 'string') return [{ role: 'user', content: clean(input) }];
  const messages: ChatMessage[] = [];
  for (const [index, item] of input.entries()) {
    const message = toMessage(item, `input.${index}`);
    const last = messages.at(-1);
    // Calls are items of their own there, and one message here.
    if (message?.role === 'assistant' && message.toolCalls && last?.role === 'assistant') {
      messages[messages.length - 1] = { ...last, toolCalls: [...(last.toolCalls ?? []), ...message.toolCalls] };
    } else if (message) messages.push(message);
  }
  return messages;
}

function toMessage(item: ResponseInputItem, at: string): ChatMessage | null {
  switch (item.type ?? 'message') {
    case 'message': {
      if (!item.role) throw refused(`${at}.role`, 'is missing');
      return { role: item.role === 'developer' ? 'system' : item.role, content: textOf(item.content, `${at}.content`) };
    }
    case 'function_call': {
      const { call_id, name, arguments: args } = item;
      if (call_id === undefined || name === undefined) throw refused(at, 'needs call_id and name');
      return { role: 'assistant', content: '', toolCalls: [{ id: call_id, name, arguments: args ?? '{}' }] };
    }
    case 'function_call_output': {
      if (item.call_id === undefined) throw refused(`${at}.call_id`, 'is missing');
      return { role: 'tool', content: textOf(item.output, `${at}.output`), toolCallId: item.call_id };
    }
    // What a model thought before is not read again.
    case 'reasoning':
      return null;
  }
}
