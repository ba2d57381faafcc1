import type { Lane } from '../src/protocol/generation.ts';
import type {
  ChatSettingsResource,
  ConversationResource,
  DeletionResource,
  GenerationResource,
  ItemResource,
  ItemValueResource,
  MessageResource,
  Page,
  SearchHitResource,
  StoredDataResource,
} from '../src/protocol/resources.ts';
import type { Http } from './http.ts';

export type AskOptions = {
  lane?: Lane;
  model?: string;
  max_tokens?: number;
  temperature?: number;
  context?: readonly string[];
  /** An https address that is told when the answer has ended. */
  webhook_url?: string;
};

export type SendInput = AskOptions & {
  message: string;
  /** Absent: a new conversation. */
  conversation?: number;
  /** Absent: the newest message. Given: a branch from there; null: a new beginning. */
  parent_id?: string | null;
  /** Of a new conversation, as what follows. */
  settings?: ChatSettingsResource;
  folder?: string;
  /** Neither listed nor found, and deleted for good after a while. */
  temporary?: boolean;
  /** The model makes a title after the first answer. */
  auto_title?: boolean;
};

export type ConversationChange = {
  title?: string;
  pinned?: boolean;
  archived?: boolean;
  folder?: string | null;
  temporary?: false;
  settings?: ChatSettingsResource;
};

/** Times in ISO 8601. `parent`: a place in the list, before it. */
export type ImportedInput = {
  source: string;
  title: string;
  archived?: boolean;
  created_at?: string;
  updated_at?: string;
  messages: readonly { parent: number | null; role: 'user' | 'assistant'; content: string; created_at?: string }[];
};

export type CallOptions = { signal?: AbortSignal | undefined };
/** The same key with the same request is answered once, however often it is sent. */
export type SendOptions = CallOptions & { idempotencyKey?: string };

/** Newest first; `next` goes into `before` of the next page. */
export type MessagePage = { items: MessageResource[]; next: string | null };
export type MessagePageInput = {
  /** The branch that ends here; absent: at the newest message. */
  leaf?: string | undefined;
  /** Instead of `leaf`: the branch through this message and on to its newest descendant. */
  through?: string | undefined;
  before?: string | undefined;
  limit?: number;
};

export type ConversationPageInput = {
  limit?: number;
  after?: string | undefined;
  archived?: boolean;
  pinned?: boolean;
  folder?: string;
};

/** What one user of the workspace has said and been told. */
export function createUserApi(http: Http, userId: string) {
  const root = `/users/${encodeURIComponent(userId)}`;
  const conversation = (number: number): string => `${root}/conversations/${number}`;
  const message = (number: number, id: string): string => `${conversation(number)}/messages/${encodeURIComponent(id)}`;
  const keyed = (options: SendOptions) => ({
    idempotencyKey: options.idempotencyKey ?? newIdempotencyKey(),
    signal: options.signal,
  });

  return {
    send({ conversation: number, ...body }: SendInput, options: SendOptions = {}): Promise<GenerationResource> {
      const path = number === undefined ? `${root}/conversations` : `${conversation(number)}/messages`;
      return http.json(path, { method: 'POST', body, ...keyed(options) });
    },

    regenerate(
      number: number,
      id: string,
      ask: AskOptions = {},
      options: SendOptions = {},
    ): Promise<GenerationResource> {
      return http.json(`${message(number, id)}/regenerate`, { method: 'POST', body: ask, ...keyed(options) });
    },

    conversations(page: ConversationPageInput = {}, options: CallOptions = {}): Promise<Page<ConversationResource>> {
      return http.json(`${root}/conversations`, { query: page, signal: options.signal });
    },

    conversation(number: number, options: CallOptions = {}): Promise<ConversationResource> {
      return http.json(conversation(number), { signal: options.signal });
    },

    change(number: number, body: ConversationChange): Promise<ConversationResource> {
      return http.json(conversation(number), { method: 'PATCH', body });
    },

    /** `keepalive`: it is sent even if the page that asks for it is being left. */
    remove(number: number, options: { keepalive?: boolean } = {}): Promise<void> {
      return http.json(conversation(number), { method: 'DELETE', ...options });
    },

    messages(number: number, page: MessagePageInput = {}, options: CallOptions = {}): Promise<MessagePage> {
      return http.json(`${conversation(number)}/messages`, { query: page, signal: options.signal });
    },

    rate(number: number, id: string, rating: 'up' | 'down' | null, comment?: string): Promise<void> {
      const body = rating !== null && comment ? { rating, comment } : { rating };
      return http.json(`${message(number, id)}/feedback`, { method: 'PUT', body });
    },

    search(query: string, options: CallOptions & { limit?: number } = {}): Promise<{ items: SearchHitResource[] }> {
      return http.json(`${root}/search`, { query: { q: query, limit: options.limit }, signal: options.signal });
    },

    /** Folders, assistants, prompts, defaults and shares. */
    items(options: CallOptions = {}): Promise<{ items: ItemResource[] }> {
      return http.json(`${root}/items`, { signal: options.signal });
    },

    /** `id`: a UUID that the caller makes; the same one changes the item. */
    putItem(id: string, value: ItemValueResource): Promise<void> {
      return http.json(`${root}/items/${encodeURIComponent(id)}`, { method: 'PUT', body: value });
    },

    removeItem(id: string): Promise<void> {
      return http.json(`${root}/items/${encodeURIComponent(id)}`, { method: 'DELETE' });
    },

    /** By a link, the newest branch as it stands. */
    share(number: number): Promise<ItemResource> {
      return http.json(`${conversation(number)}/shares`, { method: 'POST', body: {} });
    },

    /** One that was held elsewhere; the same `source` is imported once. */
    import(conversation: ImportedInput, options: CallOptions = {}): Promise<{ number: number; imported: boolean }> {
      return http.json(`${root}/imports`, { method: 'POST', body: conversation, signal: options.signal });
    },

    stored(options: CallOptions = {}): Promise<StoredDataResource> {
      return http.json(`${root}/data`, { signal: options.signal });
    },

    /** Everything, for good. The receipt may say that something is still to be removed. */
    removeEverything(): Promise<DeletionResource> {
      return http.json(root, { method: 'DELETE' });
    },

    /** The receipt of the last deletion. */
    deletion(options: CallOptions = {}): Promise<DeletionResource> {
      return http.json(`${root}/deletion`, { signal: options.signal });
    },

    exportAllUrl: (): string => http.url(`${root}/export`),

    exportUrl: (number: number, format: 'markdown' | 'json'): string =>
      http.url(`${conversation(number)}/export`, { format }),
  };
}

export type UserApi = ReturnType<typeof createUserApi>;

/** 122 random bits; `crypto.randomUUID` is missing on pages that came over plain HTTP from another machine. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
