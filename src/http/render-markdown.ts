import type { Conversation, Message } from '../ports/conversations.ts';

/** A conversation to read: the branch of the newest message from its beginning, then what else was said. */
export function renderMarkdown(conversation: Conversation, messages: readonly Message[]): string {
  const branch = newestBranch(messages);
  const onBranch = new Set(branch);
  const others = messages.filter((message) => !onBranch.has(message));
  const parts = [`# ${conversation.title}`, `*${iso(conversation.createdAt)} to ${iso(conversation.updatedAt)}*`];
  parts.push(...branch.map((message) => section(message, '##')));
  if (others.length > 0) {
    parts.push('## Other versions', ...others.map((message) => section(message, '###')));
  }
  return `${parts.join('\n\n')}\n`;
}

function newestBranch(messages: readonly Message[]): Message[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const parents = new Set(messages.map((message) => message.parentId));
  const branch: Message[] = [];
  let at = messages.findLast((message) => !parents.has(message.id));
  while (at && branch.length < messages.length) {
    branch.push(at);
    at = at.parentId === null ? undefined : byId.get(at.parentId);
  }
  return branch.reverse();
}

function section(message: Message, heading: string): string {
  const who = message.role === 'user' ? 'You' : (message.model ?? 'Assistant');
  const how = message.status === 'done' ? '' : ` (${message.status})`;
  const reasoning = message.reasoning
    ? `<details><summary>Reasoning</summary>\n\n${message.reasoning}\n\n</details>\n\n`
    : '';
  return `${heading} ${who}${how}\n\n${reasoning}${message.content}`.trimEnd();
}

const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
