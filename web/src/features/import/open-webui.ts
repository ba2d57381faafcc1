import { isRecord, timeOf, titleOf } from './clean.ts';
import { type Counts, count, IMPORT_LIMITS, type ImportPlan, type PlannedChat } from './plan.ts';
import { type FileMessage, textOrSkip, turnsOf } from './turns.ts';

/** A chat export of Open WebUI: a list of chats, or one, each with its tree in `chat.history`. */
export function isOpenWebUi(file: unknown): file is unknown {
  const first = Array.isArray(file) ? file.find(isRecord) : file;
  return (
    isRecord(first) && isRecord(first.chat) && (isRecord(first.chat.history) || Array.isArray(first.chat.messages))
  );
}

export function planOpenWebUi(file: unknown): ImportPlan {
  const leftOut: Counts = {};
  const chats = (Array.isArray(file) ? file : [file]).flatMap((each) => chatOf(each, leftOut) ?? []);
  return { from: 'open-webui', chats, items: [], leftOut };
}

function chatOf(file: unknown, leftOut: Counts): PlannedChat | null {
  if (!isRecord(file) || !isRecord(file.chat)) {
    count(leftOut, 'unreadableChats');
    return null;
  }
  const { chat } = file;
  const params = isRecord(chat.params) ? chat.params : {};
  if (typeof (params.system ?? chat.system) === 'string' && (params.system ?? chat.system) !== '') {
    count(leftOut, 'instructions');
  }
  const { messages, current } = messagesOf(chat, leftOut);
  const turns = turnsOf(messages, current, leftOut);
  if (turns.length === 0 || turns.length > IMPORT_LIMITS.messages) {
    count(leftOut, turns.length === 0 ? 'emptyChats' : 'longChats');
    return null;
  }
  const created_at = timeOf(file.created_at ?? chat.timestamp);
  const updated_at = timeOf(file.updated_at) ?? turns.at(-1)?.created_at ?? created_at;
  const title = titleOf(file.title ?? chat.title, turns[0]!.content);
  const id = file.id ?? chat.id ?? `${created_at ?? ''} ${title}`;
  return {
    conversation: {
      source: `open-webui:${String(id)}`.slice(0, IMPORT_LIMITS.sourceChars),
      title,
      ...(file.archived === true && { archived: true }),
      ...(created_at && { created_at }),
      ...(updated_at && { updated_at }),
      messages: turns,
    },
    ...(file.pinned === true && { after: { pinned: true } }),
  };
}

/** The tree; of chats from before there was one, the list, each message after the one above. */
function messagesOf(chat: Record<string, unknown>, leftOut: Counts) {
  const history = isRecord(chat.history) ? chat.history : {};
  if (isRecord(history.messages)) {
    const messages = Object.entries(history.messages).flatMap(
      ([id, message]) => messageOf(id, isRecord(message) ? message.parentId : null, message, leftOut) ?? [],
    );
    return { messages, current: typeof history.currentId === 'string' ? history.currentId : null };
  }
  const list = Array.isArray(chat.messages) ? chat.messages : [];
  const messages = list.flatMap(
    (message, at) => messageOf(String(at), at === 0 ? null : String(at - 1), message, leftOut) ?? [],
  );
  return { messages, current: messages.at(-1)?.id ?? null };
}

/** What a model thought, called or ran stands folded within its answer. */
const FOLDED = /<details\s[^>]*type="(reasoning|tool_calls|code_interpreter)"[^>]*>[\s\S]*?<\/details>/g;

function messageOf(id: string, parentId: unknown, message: unknown, leftOut: Counts): FileMessage | null {
  if (!isRecord(message)) return null;
  const parent = typeof parentId === 'string' ? parentId : null;
  const { role } = message;
  if (role !== 'user' && role !== 'assistant') {
    return { id, parent, role: 'user', text: '', skip: role === 'system' ? 'instructions' : 'tools' };
  }
  const { text, others } = textOf(message.content);
  const files = Array.isArray(message.files) ? message.files.length : 0;
  count(leftOut, 'attachments', others + files);
  const said = textOrSkip(
    text.replaceAll(FOLDED, (_, type: string) => {
      if (type !== 'reasoning') count(leftOut, 'tools');
      return '';
    }),
  );
  const skip = said.skip && others + files > 0 ? 'silently' : said.skip;
  return { id, parent, role, text: said.text, created_at: timeOf(message.timestamp), ...(skip && { skip }) };
}

function textOf(content: unknown): { text: string; others: number } {
  if (typeof content === 'string') return { text: content, others: 0 };
  if (!Array.isArray(content)) return { text: '', others: 0 };
  const texts = content.map((part) => (isRecord(part) && typeof part.text === 'string' ? part.text : null));
  return {
    text: texts.filter((each) => each !== null).join('\n\n'),
    others: texts.filter((each) => each === null).length,
  };
}
