import type { InferenceRequest } from '../../ports/inference.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import type { ResponseFormat, Tool } from '../../protocol/model-params.ts';

/** The form of calls that most small models were trained on. */
export const CALL_OPEN = '<tool_call>';
export const CALL_CLOSE = '</tool_call>';

export type PlainMessage = { role: 'system' | 'user' | 'assistant'; content: string };

/** The functions that may be called in this answer. */
export function callableTools({ tools = [], toolChoice = 'auto' }: InferenceRequestLike): readonly Tool[] {
  if (toolChoice === 'none') return [];
  return typeof toolChoice === 'string' ? tools : tools.filter(({ name }) => name === toolChoice.name);
}

type InferenceRequestLike = Pick<InferenceRequest, 'tools' | 'toolChoice'>;

/** Everything that a model is to know in words: functions, calls, what they came to, the form of the answer. */
export function plainMessages(
  request: Pick<InferenceRequest, 'messages' | 'tools' | 'toolChoice' | 'responseFormat'>,
): PlainMessage[] {
  const notes = [toolNote(callableTools(request)), formatNote(request.responseFormat)].filter((note) => note !== '');
  const messages = request.messages.map(toPlain);
  if (notes.length === 0) return messages;
  const [first, ...rest] = messages;
  const own = first?.role === 'system' ? [first.content] : [];
  const system: PlainMessage = { role: 'system', content: [...own, ...notes].join('\n\n') };
  return own.length > 0 ? [system, ...rest] : [system, ...messages];
}

function toPlain(message: ChatMessage): PlainMessage {
  if (message.role === 'tool') {
    return { role: 'user', content: `<tool_response>\n${message.content}\n</tool_response>` };
  }
  if (message.role !== 'assistant' || !message.toolCalls) return { role: message.role, content: message.content };
  const calls = message.toolCalls.map(
    ({ name, arguments: args }) =>
      `${CALL_OPEN}\n{"name": ${JSON.stringify(name)}, "arguments": ${args || '{}'}}\n${CALL_CLOSE}`,
  );
  return { role: 'assistant', content: [message.content, ...calls].filter((part) => part !== '').join('\n') };
}

function toolNote(tools: readonly Tool[]): string {
  if (tools.length === 0) return '';
  const described = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, ...(description && { description }), parameters: parameters ?? {} }),
  );
  return [
    'You can call these functions. Each line describes one as JSON:',
    '<tools>',
    ...described,
    '</tools>',
    `To call one, answer with ${CALL_OPEN}{"name": …, "arguments": {…}}${CALL_CLOSE} and nothing else.`,
  ].join('\n');
}

function formatNote(format: ResponseFormat | undefined): string {
  if (!format || format.kind === 'text') return '';
  if (format.kind === 'json') return 'Answer with one JSON object and nothing else.';
  return `Answer with JSON of this schema and nothing else:\n${JSON.stringify(format.schema)}`;
}
