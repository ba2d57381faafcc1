import type { ConversationBegin } from '../ports/outbox.ts';
import type { KeyBudget, Workspace } from '../ports/workspaces.ts';
import type { ChatMessage } from '../protocol/chat-message.ts';
import type { GenerationParams, Lane } from '../protocol/generation.ts';

/** What somebody asks for, as every way in puts it. */
export type MessageRequest = {
  workspace: Workspace;
  externalUserId: string;
  /** The API key that asks. Absent: the local user does. */
  key?: { id: string; budget: KeyBudget };
  /** Number of an existing conversation; absent: a new one; `transient`: one that is not to be stored. */
  conversation?: number | 'transient';
  /** Of a new conversation. */
  begin?: ConversationBegin;
  request: { kind: 'message'; content: string; parentId?: string | null } | { kind: 'regenerate'; messageId: string };
  lane: Lane;
  /** Runs in this process where it can; the caller then hands it to `answerDirectly`. */
  direct: boolean;
  params: RequestedParams;
  /** All that the model reads, instead of the conversation's history. */
  prompt?: readonly ChatMessage[];
  /** Who is to be told when the answer has ended. */
  webhookUrl?: string;
  idempotency?: { key: string; bodyHash: string };
};

/** Without a length it is as the conversation has it, else the ordinary one. */
export type RequestedParams = Omit<GenerationParams, 'maxTokens'> & Partial<Pick<GenerationParams, 'maxTokens'>>;
