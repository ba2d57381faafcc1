import type { SearchHit } from '../../ports/conversations.ts';
import type { ConversationRow, MessageRow } from './database.ts';

/** Characters of a passage on either side of its first match. */
const PASSAGE_REACH = 80;
const WORD = /[\p{L}\p{N}]+/gu;

/** Messages that hold every word of the query, most matches first, the newest of equals first. */
export function searchMessages(
  conversations: readonly ConversationRow[],
  query: string,
  limit: number,
): readonly SearchHit[] {
  const wanted = new Set(query.toLowerCase().match(WORD));
  if (wanted.size === 0) return [];
  const found: { hit: SearchHit; matches: number }[] = [];
  for (const conversation of conversations) {
    for (const message of conversation.messages.values()) {
      const matches = matchesOf(message, wanted);
      if (matches.length > 0) found.push({ hit: toHit(conversation, message, matches), matches: matches.length });
    }
  }
  found.sort((a, b) => b.matches - a.matches || b.hit.createdAt - a.hit.createdAt);
  return found.slice(0, limit).map(({ hit }) => hit);
}

/** Empty unless each of the words is there. */
function matchesOf(message: MessageRow, wanted: ReadonlySet<string>): RegExpExecArray[] {
  const matches = [...message.content.matchAll(WORD)].filter(([word]) => wanted.has(word.toLowerCase()));
  const distinct = new Set(matches.map(([word]) => word.toLowerCase()));
  return distinct.size === wanted.size ? matches : [];
}

function toHit(conversation: ConversationRow, message: MessageRow, matches: readonly RegExpExecArray[]): SearchHit {
  return {
    conversationNumber: conversation.number,
    conversationTitle: conversation.title,
    messageId: message.id,
    role: message.role,
    passage: passageOf(message.content, matches),
    createdAt: message.createdAt,
  };
}

function passageOf(content: string, matches: readonly RegExpExecArray[]): string {
  const first = matches[0]!.index;
  const from = Math.max(0, first - PASSAGE_REACH);
  const to = Math.min(content.length, first + matches[0]![0].length + PASSAGE_REACH);
  let passage = '';
  let at = from;
  for (const match of matches) {
    const end = match.index + match[0].length;
    if (end > to) break;
    passage += `${unmarked(content.slice(at, match.index))}\uE000${match[0]}\uE001`;
    at = end;
  }
  return (passage + unmarked(content.slice(at, to))).toWellFormed();
}

/** The content's own uses of the two marks would read as matches. */
function unmarked(text: string): string {
  return text.replaceAll(/[\uE000\uE001]/g, '');
}
