import Type, { type Static, type TProperties, type TSchema } from 'typebox';
import { ITEM_LIMITS, SETTINGS_LIMITS } from './chat-settings.ts';
import { ANSWER_SOURCES, DEGRADATION_REASONS, FINISH_REASONS, LANES } from './generation.ts';

/**
 * The resources of the product's own API as JSON. Times are ISO 8601, in UTC. Under
 * `/users/{user_id}`; `user_id` is the caller's own name for a person within its workspace.
 * A schema's `title` is its name in the OpenAPI document.
 */
const OPEN_STATES = ['queued', 'running'] as const;
const ENDED_STATES = ['done', 'failed', 'cancelled', 'interrupted'] as const;

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const resource = <T extends TProperties>(title: string, description: string, properties: T) =>
  Type.Object(properties, { title, description });

const id = (description: string) => Type.String({ format: 'uuid', description });
const time = (description: string) => Type.String({ format: 'date-time', description });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const milliseconds = (description: string) => Type.Integer({ minimum: 0, description });

export const laneSchema = Type.Enum([...LANES], {
  description: 'How urgent it is: `stream`, somebody reads along; `chat`, somebody waits; `batch`, nobody waits.',
});

const stateSchema = Type.Enum([...OPEN_STATES, ...ENDED_STATES], {
  description: '`queued` and `running` are on their way; the others are final.',
});

export const failureSchema = resource('Failure', 'Why there is no whole answer.', {
  code: Type.String({ description: 'A code of the error catalogue.' }),
  message: Type.String(),
});

export const receiptSchema = resource('Receipt', 'What happened to one answer. Milliseconds throughout.', {
  generation_id: id('The correlation id.'),
  state: Type.Enum([...ENDED_STATES]),
  model: nullable(Type.String({ description: 'The model that answered.' })),
  worker: nullable(Type.String({ description: 'The process that answered.' })),
  lane: laneSchema,
  finish_reason: nullable(
    Type.Enum([...FINISH_REASONS], {
      description: 'Its own end, the token limit, calls of functions that it waits for, or a person.',
    }),
  ),
  position_at_arrival: nullable(count('Others ahead when it was accepted; null where it ran directly.')),
  queue_ms: milliseconds('Accepted to first claim.'),
  prefill_ms: nullable(milliseconds('First claim to first token.')),
  stream_ms: nullable(milliseconds('First token to last.')),
  total_ms: milliseconds('Accepted to stored.'),
  tokens: Type.Object({
    prompt: count('Tokens read.'),
    reused: count('Of those, found in memory.'),
    completion: count('Tokens written.'),
  }),
  cost: nullable(Type.Number({ minimum: 0, description: 'By the prices of the model; null where it has none.' })),
  source: Type.Enum(['model', ...ANSWER_SOURCES], {
    description:
      'A model, or the same request: answered before (`stand-in`: while no model could be asked) or at the same time.',
  }),
  degraded: Type.Array(
    Type.Object({
      what: Type.Enum(['model', 'context'], { description: 'A lighter model answered, or less was read.' }),
      from: Type.String({ description: 'The model, or the tokens of its window.' }),
      to: Type.String(),
      reason: Type.Enum([...DEGRADATION_REASONS]),
    }),
    { description: 'What was less than asked for, so that there was an answer at all, or sooner.' },
  ),
  tokens_per_second: nullable(Type.Number()),
  attempts: count('Runs that were counted.'),
  takeovers: count('How often another process went on with the answer.'),
  trimmed_messages: count("Messages of the conversation that did not fit into the model's window."),
  summarised_messages: count('Of those, the ones that a summary stood in for.'),
  error: nullable(failureSchema),
});

const within = ({ least, most }: { least: number; most: number }) => ({ minimum: least, maximum: most });

export const chatSettingsSchema = Type.Object(
  {
    model: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'One that there is not any more is passed over.' }),
    ),
    system_prompt: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: SETTINGS_LIMITS.systemPromptChars,
        description: 'What the model is told first, instead of its own.',
      }),
    ),
    temperature: Type.Optional(Type.Number(within(SETTINGS_LIMITS.temperature))),
    top_p: Type.Optional(Type.Number(within(SETTINGS_LIMITS.topP))),
    max_tokens: Type.Optional(
      Type.Integer({ ...within(SETTINGS_LIMITS.maxTokens), description: 'Tokens of an answer at most.' }),
    ),
    assistant: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'The name of the saved assistant that it began with.' }),
    ),
  },
  {
    title: 'ChatSettings',
    description: 'What answers are asked for with, unless a message says otherwise. Absent: as the model has it.',
    additionalProperties: false,
  },
);
export type ChatSettingsResource = Static<typeof chatSettingsSchema>;

const itemName = Type.String({ minLength: 1, maxLength: ITEM_LIMITS.nameChars, pattern: '\\S' });
const itemOf = <T extends TProperties>(title: string, description: string, properties: T) =>
  Type.Object(properties, { title, description, additionalProperties: false });

/** What a person makes; shares are made by sharing. */
export const itemValueSchema = Type.Union([
  itemOf('Folder', 'Holds conversations.', { kind: Type.Literal('folder'), name: itemName }),
  itemOf('Assistant', 'Settings under a name, to begin conversations with.', {
    kind: Type.Literal('assistant'),
    name: itemName,
    greeting: Type.String({
      maxLength: ITEM_LIMITS.greetingChars,
      description: 'Shown before the first message; the model does not read it.',
    }),
    settings: chatSettingsSchema,
  }),
  itemOf('SavedPrompt', 'A message to use again.', {
    kind: Type.Literal('prompt'),
    name: itemName,
    text: Type.String({
      minLength: 1,
      maxLength: ITEM_LIMITS.promptChars,
      description: 'With `{{names}}` that are filled in when it is used.',
    }),
  }),
  itemOf('Defaults', 'What the page begins new conversations with.', {
    kind: Type.Literal('defaults'),
    settings: chatSettingsSchema,
  }),
]);
export type ItemValueResource = Static<typeof itemValueSchema>;

const itemFacts = {
  id: id('Chosen by whoever made it; of a share, what is secret in its link.'),
  updated_at: time('The last change.'),
};
export const itemSchema = resource('Item', 'A folder, assistant, prompt, share, or the defaults of a person.', {
  ...itemFacts,
  kind: Type.Enum(['folder', 'assistant', 'prompt', 'defaults', 'share']),
  name: Type.Optional(Type.String()),
  greeting: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  settings: Type.Optional(chatSettingsSchema),
  conversation: Type.Optional(Type.Integer({ minimum: 1, description: 'Of a share: what it shows.' })),
  title: Type.Optional(Type.String({ description: 'Of a share: as it was then.' })),
});
export type ItemResource = { id: string; updated_at: string } & (
  | ItemValueResource
  | { kind: 'share'; conversation: number; title: string }
);

export const sharedSchema = resource('Shared', 'A branch of a conversation as it stood when it was shared.', {
  title: Type.String(),
  shared_at: time('When it was shared.'),
  messages: Type.Array(
    Type.Object({
      role: Type.Enum(['user', 'assistant']),
      content: Type.String(),
      model: nullable(Type.String()),
      created_at: time('When it was said.'),
    }),
    { description: 'Oldest first.' },
  ),
});
export type SharedResource = Static<typeof sharedSchema>;

export const importedSchema = resource('Imported', 'What became of an import.', {
  number: Type.Integer({ minimum: 1, description: 'Of the conversation.' }),
  imported: Type.Boolean({ description: 'False: it was there already.' }),
});

export const conversationSchema = resource('Conversation', 'What one user and the models said, in branches.', {
  number: Type.Integer({ minimum: 1, description: 'Counts per user, from 1.' }),
  title: Type.String(),
  pinned: Type.Boolean(),
  archived: Type.Boolean(),
  folder: nullable(id('The folder that it is in.')),
  temporary: Type.Boolean({ description: 'It is not kept.' }),
  settings: chatSettingsSchema,
  message_count: count('Messages of all branches.'),
  answering: Type.Boolean({ description: 'An answer is queued or being written.' }),
  created_at: time('When it began.'),
  updated_at: time('The last activity.'),
});
export type ConversationResource = Static<typeof conversationSchema>;

export const feedbackSchema = resource('Feedback', 'What a person thought of an answer.', {
  rating: Type.Enum(['up', 'down']),
  comment: Type.Optional(Type.String()),
});

export const messageSchema = resource(
  'Message',
  'One turn. An answer that is still being made is `queued` or `running` with empty content: follow its stream.',
  {
    id: id("An answer's id is the id of its generation."),
    parent_id: nullable(id('The message that it follows; null for a first one.')),
    role: Type.Enum(['user', 'assistant']),
    content: Type.String(),
    reasoning: Type.String({ description: 'What the model wrote before its answer, for itself.' }),
    state: stateSchema,
    model: nullable(Type.String()),
    finish_reason: nullable(Type.Enum([...FINISH_REASONS])),
    receipt: nullable(receiptSchema),
    feedback: nullable(feedbackSchema),
    siblings: Type.Array(Type.String({ format: 'uuid' }), {
      description: 'Messages with the same parent, this one included, oldest first: the branches.',
    }),
    created_at: time('When it was stored.'),
  },
);
export type MessageResource = Static<typeof messageSchema>;

export const exportSchema = resource('Export', 'Every message of every branch, oldest first.', {
  conversation: conversationSchema,
  messages: Type.Array(messageSchema),
});

export const waitingSchema = resource('Waiting', 'A place in the line.', {
  position: count('Others ahead.'),
  estimate_seconds: nullable(Type.Number({ minimum: 0, description: 'Until it starts; null while no rate is known.' })),
});

export const generationSchema = resource('Generation', 'One request to a model, from acceptance to its one answer.', {
  id: id('The correlation id; later the id of the answer.'),
  conversation: Type.Integer({ minimum: 1, description: 'The number of its conversation.' }),
  request_message_id: id('The user message that it answers.'),
  state: stateSchema,
  lane: laneSchema,
  stream_endpoint: Type.String(),
  check_endpoint: Type.String(),
  waiting: nullable(waitingSchema),
  receipt: nullable(receiptSchema),
  error: nullable(failureSchema),
});
export type GenerationResource = Static<typeof generationSchema>;

export const modelSchema = resource('Model', 'A model that can be asked for.', {
  id: Type.String(),
  title: Type.String(),
  description: Type.String(),
  context_window: Type.Integer({ minimum: 1, description: 'Tokens it can read and write in one go.' }),
  default: Type.Boolean({ description: 'Answers where no model is named.' }),
  default_temperature: Type.Number({ description: 'Where none is asked for.' }),
  suggestions: Type.Array(Type.String(), { description: 'Questions that it answers well.' }),
  price: nullable(
    Type.Object(
      { prompt: Type.Number(), cached: Type.Number(), completion: Type.Number() },
      { description: "Per million tokens, in the operator's currency. Null: nothing is charged." },
    ),
  ),
  stays_here: Type.Boolean({ description: "What is said to it does not leave the server's machine." }),
  fallback: nullable(Type.String({ description: 'The lighter model that answers where this one cannot.' })),
  capabilities: nullable(
    Type.Object(
      { tools: Type.Boolean(), json_schema: Type.Boolean(), reasoning: Type.Boolean() },
      { description: 'Null: nobody has said.' },
    ),
  ),
});
export type ModelResource = Static<typeof modelSchema>;

export const searchHitSchema = resource('SearchHit', 'A message that matches.', {
  conversation: Type.Integer({ minimum: 1 }),
  title: Type.String({ description: 'Of the conversation.' }),
  message_id: id('The message.'),
  role: Type.Enum(['user', 'assistant']),
  passage: Type.String({ description: 'Around the match; matches stand between U+E000 and U+E001.' }),
  created_at: time('When the message was stored.'),
});
export type SearchHitResource = Static<typeof searchHitSchema>;

export const sessionSchema = resource('Session', 'For whom this browser speaks.', {
  user_id: Type.String(),
  workspace: Type.String(),
  signed_in: Type.Boolean({ description: 'By a key that was exchanged for a cookie.' }),
  operates: Type.Boolean({ description: 'May administer the models of this server.' }),
});

export const deletionSchema = resource('Deletion', 'The receipt of the deletion of a user.', {
  id: id('Of the deletion; the logs name it.'),
  begun_at: time('From then on nobody found the user.'),
  finished_at: nullable(time('Everything was gone by then; null where a database is still to be reached.')),
  erased: nullable(
    Type.Object(
      {
        conversations: count('Those deleted before included.'),
        messages: count('Those in archives not included.'),
        archived_messages: count('Those in archives.'),
        generations: count('Requests to a model.'),
        idempotency_keys: count('Keys that were still known.'),
        usage_days: count('Days and models for which tokens were counted.'),
        items: count('Folders, assistants, prompts, shares.'),
      },
      { description: 'What was removed from the databases, in rows.' },
    ),
  ),
  cleared: nullable(
    Type.Object(
      {
        stopped: count('Answers that were being made.'),
        contexts: count('Conversations whose cached context was dropped.'),
        token_logs: count('Logs of recent answers.'),
      },
      { description: 'What was stopped and removed outside the databases.' },
    ),
  ),
  databases: Type.Array(Type.String(), { description: 'Those that were searched.' }),
});
export type DeletionResource = Static<typeof deletionSchema>;

export const storedDataSchema = resource('StoredData', 'What the databases keep of a user.', {
  conversations: Type.Object({
    kept: count('Those that are listed, archived ones among them.'),
    archived: count('Of those, the archived ones.'),
    temporary: count('Deleted by themselves some time after the last word.'),
    deleted: count('Hidden at once; their messages are removed by and by.'),
  }),
  messages: Type.Object({
    recent: count('Of all conversations, deleted ones included.'),
    archived: count('Of old months, packed.'),
    bytes: count('Of their texts as they are stored, compressed where that is shorter.'),
  }),
  generations: count('Requests to a model, with the receipts of their answers.'),
  items: Type.Object({
    folders: count('Folders.'),
    assistants: count('Saved assistants.'),
    prompts: count('Saved prompts.'),
    shares: count('Links that show a conversation.'),
    defaults: count('What new conversations begin with.'),
  }),
  usage_days: count('Days and models for which tokens were counted.'),
});
export type StoredDataResource = Static<typeof storedDataSchema>;

const usageFigures = {
  generations: count('Answers, those that were stopped or failed included, and those from the cache.'),
  tokens: Type.Object({
    prompt: count('Tokens read.'),
    reused: count('Of those, found in memory.'),
    completion: count('Tokens written.'),
  }),
  cost: Type.Number({ minimum: 0, description: 'In the unit of the prices; models without a price add nothing.' }),
};

export const usageItemSchema = resource('UsageItem', 'A sum, with what it is of.', {
  day: Type.Optional(Type.String({ format: 'date' })),
  model: Type.Optional(Type.String()),
  key: Type.Optional(nullable(Type.String({ description: "A key's id; null: the local user." }))),
  ...usageFigures,
});

export const usageSchema = resource('Usage', 'What answers used and cost.', {
  from: Type.String({ format: 'date' }),
  to: Type.String({ format: 'date' }),
  items: Type.Array(usageItemSchema),
  total: resource('UsageTotal', 'Of all items.', usageFigures),
});

export type Page<T> = { items: T[]; next: string | null };

export const pageOf = <T extends TSchema>(item: T, next: string) =>
  Type.Object({ items: Type.Array(item), next: nullable(Type.String({ description: next })) });
