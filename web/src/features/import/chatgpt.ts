import { isRecord, timeOf, titleOf } from './clean.ts';
import { type Counts, count, IMPORT_LIMITS, type ImportPlan, type PlannedChat } from './plan.ts';
import { type FileMessage, textOrSkip, turnsOf } from './turns.ts';

/** `conversations.json` of a ChatGPT export: a list of conversations, each a tree in `mapping`. */
export const isChatGpt = (file: unknown): file is unknown[] =>
  Array.isArray(file) && file.some((each) => isRecord(each) && isRecord(each.mapping));

export function planChatGpt(file: readonly unknown[]): ImportPlan {
  const leftOut: Counts = {};
  const chats = file.flatMap((each) => chatOf(each, leftOut) ?? []);
  return { from: 'chatgpt', chats, items: [], leftOut };
}

function chatOf(file: unknown, leftOut: Counts): PlannedChat | null {
  if (!isRecord(file) || !isRecord(file.mapping)) {
    count(leftOut, 'unreadableChats');
    return null;
  }
  const messages = Object.entries(file.mapping).flatMap(([id, node]) => messageOf(id, node, leftOut) ?? []);
  const current = typeof file.current_node === 'string' ? file.current_node : null;
  const turns = turnsOf(messages, current, leftOut);
  if (turns.length === 0 || turns.length > IMPORT_LIMITS.messages) {
    count(leftOut, turns.length === 0 ? 'emptyChats' : 'longChats');
    return null;
  }
  const created_at = timeOf(file.create_time);
  const updated_at = timeOf(file.update_time) ?? turns.at(-1)?.created_at ?? created_at;
  const title = titleOf(file.title, turns[0]!.content);
  const id = file.conversation_id ?? file.id ?? `${created_at ?? ''} ${title}`;
  return {
    conversation: {
      source: `chatgpt:${String(id)}`.slice(0, IMPORT_LIMITS.sourceChars),
      title,
      ...(file.is_archived === true && { archived: true }),
      ...(created_at && { created_at }),
      ...(updated_at && { updated_at }),
      messages: turns,
    },
    ...(file.is_starred === true && { after: { pinned: true } }),
  };
}

function messageOf(id: string, node: unknown, leftOut: Counts): FileMessage | null {
  if (!isRecord(node)) return null;
  const parent = typeof node.parent === 'string' ? node.parent : null;
  const message = node.message;
  const nothing: FileMessage = { id, parent, role: 'user', text: '', skip: 'silently' };
  if (!isRecord(message) || !isRecord(message.author)) return nothing;
  const { role } = message.author;
  const metadata = isRecord(message.metadata) ? message.metadata : {};
  const content = isRecord(message.content) ? message.content : {};
  const type = content.content_type;
  if (role === 'tool') return { ...nothing, skip: 'tools' };
  const isInstruction = role === 'system' || type === 'user_editable_context' || type === 'model_editable_context';
  // Each conversation begins with an empty one that nobody wrote.
  if (isInstruction) return { ...nothing, skip: textOf(content).text.trim() === '' ? 'silently' : 'instructions' };
  if ((role !== 'user' && role !== 'assistant') || metadata.is_visually_hidden_from_conversation === true)
    return nothing;
  if (type === 'thoughts' || type === 'reasoning_recap') return nothing;
  const isCall = role === 'assistant' && typeof message.recipient === 'string' && message.recipient !== 'all';
  if (isCall || (type !== 'text' && type !== 'multimodal_text')) return { ...nothing, skip: 'tools' };
  const { text, others } = textOf(content);
  count(leftOut, 'attachments', others);
  const said = textOrSkip(text);
  const skip = said.skip && others > 0 ? 'silently' : said.skip;
  return { id, parent, role, text: said.text, created_at: timeOf(message.create_time), ...(skip && { skip }) };
}

/** `others`: parts that are no text. */
function textOf({ parts, text }: Record<string, unknown>): { text: string; others: number } {
  if (!Array.isArray(parts)) return { text: typeof text === 'string' ? text : '', others: 0 };
  const texts = parts.map((part) =>
    typeof part === 'string' ? part : isRecord(part) && typeof part.text === 'string' ? part.text : null,
  );
  const said = texts.filter((each) => each !== null && each !== '');
  return { text: said.join('\n\n'), others: texts.filter((each) => each === null).length };
}
