import type { ChatSettingsResource, ItemResource } from '../../../../src/protocol/resources.ts';
import { isRecord, timeOf, titleOf } from './clean.ts';
import { type Counts, count, IMPORT_LIMITS, type ImportPlan, type PlannedChat } from './plan.ts';
import { type FileMessage, textOrSkip, turnsOf } from './turns.ts';

/** Of one chat, or of everything. */
export const isOwnExport = (file: unknown): file is Record<string, unknown> =>
  isRecord(file) && (file.format === 'chatterbot' || (isRecord(file.conversation) && Array.isArray(file.messages)));

export function planOwnExport(file: Record<string, unknown>): ImportPlan {
  const leftOut: Counts = {};
  const all = file.format === 'chatterbot' ? file.conversations : [file];
  const chats = (Array.isArray(all) ? all : []).flatMap((each) => chatOf(each, leftOut) ?? []);
  return { from: 'chatterbot', chats, items: itemsOf(file.items), leftOut };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What can be put again; a share is a link to what was elsewhere. */
function itemsOf(items: unknown): ItemResource[] {
  const all = Array.isArray(items) ? items : [];
  return all.filter((item) => isRecord(item) && UUID.test(String(item.id)) && item.kind !== 'share') as ItemResource[];
}

function chatOf(file: unknown, leftOut: Counts): PlannedChat | null {
  if (!isRecord(file) || !isRecord(file.conversation) || !Array.isArray(file.messages)) {
    count(leftOut, 'unreadableChats');
    return null;
  }
  const { conversation } = file;
  const messages = file.messages.flatMap((message) => messageOf(message) ?? []);
  const turns = turnsOf(messages, messages.at(-1)?.id ?? null, leftOut);
  if (turns.length === 0 || turns.length > IMPORT_LIMITS.messages) {
    count(leftOut, turns.length === 0 ? 'emptyChats' : 'longChats');
    return null;
  }
  const { number } = conversation;
  const created_at = timeOf(conversation.created_at);
  const updated_at = timeOf(conversation.updated_at) ?? turns.at(-1)?.created_at ?? created_at;
  const settings = isRecord(conversation.settings) ? (conversation.settings as ChatSettingsResource) : {};
  const after = {
    ...(conversation.pinned === true && { pinned: true }),
    ...(typeof conversation.folder === 'string' && { folder: conversation.folder }),
    ...(Object.keys(settings).length > 0 && { settings }),
  };
  return {
    conversation: {
      source: `chatterbot:${created_at ?? ''}:${String(number)}:${messages[0]!.id}`.slice(0, IMPORT_LIMITS.sourceChars),
      title: titleOf(conversation.title, turns[0]!.content),
      ...(conversation.archived === true && { archived: true }),
      ...(created_at && { created_at }),
      ...(updated_at && { updated_at }),
      messages: turns,
    },
    ...(Object.keys(after).length > 0 && { after }),
    ...(typeof number === 'number' && created_at && { original: { number, created_at } }),
  };
}

function messageOf(message: unknown): FileMessage | null {
  if (!isRecord(message) || typeof message.id !== 'string') return null;
  const { id, role } = message;
  const parent = typeof message.parent_id === 'string' ? message.parent_id : null;
  if (role !== 'user' && role !== 'assistant') return { id, parent, role: 'user', text: '', skip: 'tools' };
  const said = textOrSkip(typeof message.content === 'string' ? message.content : '');
  return { id, parent, role, ...said, created_at: timeOf(message.created_at) };
}
