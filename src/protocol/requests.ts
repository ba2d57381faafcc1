import Type, { type Static } from 'typebox';
import { MAX_TOKENS } from './chat-settings.ts';
import { chatSettingsSchema, itemValueSchema, laneSchema } from './resources.ts';

/** What an operator may set of the bounds on requests. Characters are Unicode code points. */
export type RequestLimits = {
  /** Of a message on the routes with `user_id` in the body. */
  seedMessageChars: number;
  /** Of a message, and of each string of `context`, everywhere else. */
  messageChars: number;
};

export const DEFAULT_REQUEST_LIMITS: RequestLimits = { seedMessageChars: 2000, messageChars: 32_000 };

export const MAX_CONTEXT_STRINGS = 10;
export const SEED_MAX_TOKENS = { least: 10, most: 1024, default: 256 } as const;
/** Conversation numbers fit PostgreSQL's integer. */
const MAX_NUMBER = 2_147_483_647;

export const userIdSchema = Type.String({
  minLength: 3,
  maxLength: 50,
  pattern: '^[^\\u0000-\\u001f\\u007f]*$',
  description: "The caller's own name for a person, within its workspace: 3 to 50 characters.",
});

export const numberSchema = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_NUMBER, description });
export const message = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, description: 'What the person says.' });
const context = (maxLength: number) =>
  Type.Array(Type.String({ maxLength }), {
    maxItems: MAX_CONTEXT_STRINGS,
    description: 'Earlier text that the model is to know, placed before the message; oldest first.',
  });
const webhookUrl = Type.String({
  minLength: 1,
  maxLength: 2000,
  description: 'An https address that is told when the answer has ended, by a signed POST.',
});
const modelId = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'An id of `GET /models`; absent: the default.',
});
const cache = Type.Optional(
  Type.Boolean({
    description:
      'Whether the answer may be one that the same request was given. False: neither that, nor kept for others. True: also where it was sampled, and together with the same request that is being answered. Absent: only where it could be no other (temperature 0, or a seed), unless the server is set otherwise.',
  }),
);
export const allowDegraded = Type.Boolean({
  default: true,
  description:
    'False: rather an error (`model_unavailable`) than an answer of a lighter model, or of less of the conversation.',
});
const itemId = (description: string) => Type.String({ format: 'uuid', maxLength: 36, description });
const messageId = (description: string) => Type.String({ format: 'uuid', maxLength: 36, description });

/** Unknown fields are ignored, as the callers of these routes are used to. */
export const chatRequestSchema = (limits: RequestLimits) =>
  Type.Object(
    {
      user_id: userIdSchema,
      message: message(limits.seedMessageChars),
      conversation_id: Type.Optional(numberSchema('Goes on with that conversation of the user; absent: a new one.')),
      context: Type.Optional(context(limits.messageChars)),
      max_tokens: Type.Optional(
        Type.Integer({
          minimum: SEED_MAX_TOKENS.least,
          maximum: SEED_MAX_TOKENS.most,
          default: SEED_MAX_TOKENS.default,
          description: 'Tokens of the answer at most.',
        }),
      ),
      temperature: Type.Optional(
        Type.Number({ minimum: 0.1, maximum: 1, description: "Absent: the model's own, 0.7 where it states none." }),
      ),
      model: Type.Optional(modelId),
      cache,
      allow_degraded: Type.Optional(allowDegraded),
      webhook_url: Type.Optional(webhookUrl),
      stream: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Read by `/async-chat` only: answer with the streaming endpoint.',
        }),
      ),
    },
    { title: 'ChatRequest', description: 'A message of one of your users.' },
  );
export type ChatRequest = Static<ReturnType<typeof chatRequestSchema>>;

export const generationOptions = (limits: RequestLimits) => ({
  lane: Type.Optional(laneSchema),
  model: Type.Optional(modelId),
  max_tokens: Type.Optional(
    Type.Integer({
      minimum: MAX_TOKENS.least,
      maximum: MAX_TOKENS.most,
      default: MAX_TOKENS.default,
      description: 'Tokens of the answer at most.',
    }),
  ),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2, description: "Absent: the model's own." })),
  context: Type.Optional(context(limits.messageChars)),
  cache,
  allow_degraded: Type.Optional(allowDegraded),
  webhook_url: Type.Optional(webhookUrl),
});

/** From here on an unknown field is refused: a misspelt one would silently do nothing. */
const closed = (title: string) => ({ title, additionalProperties: false as const });

export const startConversationSchema = (limits: RequestLimits) =>
  Type.Object(
    {
      message: message(limits.messageChars),
      ...generationOptions(limits),
      settings: Type.Optional(chatSettingsSchema),
      folder: Type.Optional(itemId('The folder that it begins in; one that there is not is none.')),
      temporary: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            'It is neither listed nor found, and deleted for good when nothing was said in it for `TEMPORARY_CHAT_TTL`, or it is deleted.',
        }),
      ),
      auto_title: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            'The model makes a title after the first answer, in the lane `batch`; until then, and where it cannot, the title is the first words. Never in place of one that was given meanwhile.',
        }),
      ),
    },
    closed('StartConversation'),
  );

export const sendMessageSchema = (limits: RequestLimits) =>
  Type.Object(
    {
      message: message(limits.messageChars),
      parent_id: Type.Optional(
        Type.Union([messageId('The answer that it follows.'), Type.Null()], {
          description: 'Absent: the newest message. Given: a branch from there; null: a new first message.',
        }),
      ),
      ...generationOptions(limits),
    },
    closed('SendMessage'),
  );

export const regenerateSchema = (limits: RequestLimits) => Type.Object(generationOptions(limits), closed('Regenerate'));

export const changeConversationSchema = Type.Object(
  {
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' })),
    pinned: Type.Optional(Type.Boolean()),
    archived: Type.Optional(Type.Boolean()),
    folder: Type.Optional(Type.Union([itemId('A folder of the user.'), Type.Null()], { description: 'Null: none.' })),
    temporary: Type.Optional(Type.Literal(false, { description: 'It is kept after all.' })),
    settings: Type.Optional(chatSettingsSchema),
  },
  { ...closed('ChangeConversation'), minProperties: 1 },
);

/** Of an imported conversation. */
const IMPORT = { messages: 5000, messageChars: 200_000 };
const importTime = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description }));
export const importConversationSchema = Type.Object(
  {
    source: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Where it comes from, as `chatgpt:` and its id there. The same one is imported once.',
    }),
    title: Type.String({ minLength: 1, maxLength: 200, pattern: '\\S' }),
    archived: Type.Optional(Type.Boolean({ default: false })),
    created_at: importTime('Absent: now.'),
    updated_at: importTime('Absent: now.'),
    messages: Type.Array(
      Type.Object(
        {
          parent: Type.Union([Type.Integer({ minimum: 0, maximum: IMPORT.messages }), Type.Null()], {
            description: 'Its place in this list, from 0, before this one; null: a first message.',
          }),
          role: Type.Enum(['user', 'assistant']),
          content: Type.String({ minLength: 1, maxLength: IMPORT.messageChars }),
          created_at: importTime('Absent: that of the conversation.'),
        },
        closed('ImportedMessage'),
      ),
      {
        minItems: 1,
        maxItems: IMPORT.messages,
        description: 'A person and a model in turn. The last is where it goes on.',
      },
    ),
  },
  closed('ImportConversation'),
);

export const putItemSchema = itemValueSchema;

export const shareSchema = Type.Object(
  { leaf: Type.Optional(messageId('The last message that is shown; absent: the newest.')) },
  closed('Share'),
);

export const giveFeedbackSchema = Type.Object(
  {
    rating: Type.Union([Type.Enum(['up', 'down']), Type.Null()], { description: 'Null takes it back.' }),
    comment: Type.Optional(Type.String({ maxLength: 2000 })),
  },
  closed('GiveFeedback'),
);

export const openSessionSchema = Type.Object(
  { api_key: Type.String({ minLength: 1, maxLength: 255 }) },
  closed('OpenSession'),
);

export const userParams = Type.Object({ user_id: userIdSchema });
export const conversationParams = Type.Object({
  user_id: userIdSchema,
  number: numberSchema('The number of the conversation.'),
});
export const messageParams = Type.Object({
  user_id: userIdSchema,
  number: numberSchema('The number of the conversation.'),
  id: messageId('The id of the message.'),
});
export const itemParams = Type.Object({ user_id: userIdSchema, id: itemId('The id of the item.') });
export const shareParams = Type.Object({ share_id: itemId('As the link has it: not to be guessed.') });
export const generationParams = Type.Object({
  id: Type.String({ format: 'uuid', maxLength: 36, description: 'The correlation id.' }),
});
export const correlationParams = Type.Object({
  correlation_id: Type.String({ format: 'uuid', maxLength: 36, description: 'As the accepting call gave it.' }),
});

const limit = (most: number, ordinary: number) =>
  Type.Optional(
    Type.Integer({ minimum: 1, maximum: most, default: ordinary, description: 'Items of a page at most.' }),
  );

export const listConversationsQuery = Type.Object({
  limit: limit(100, 30),
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: '`next` of the page before.' })),
  archived: Type.Optional(Type.Boolean({ default: false, description: 'Those that are archived instead.' })),
  pinned: Type.Optional(Type.Boolean({ description: 'Only those that are pinned, or are not.' })),
  folder: Type.Optional(
    Type.String({
      pattern: '^(none|[0-9a-fA-F-]{36})$',
      maxLength: 36,
      description: 'Only those of that folder; `none`: of no folder.',
    }),
  ),
});

export const listDeadLettersQuery = Type.Object({
  limit: limit(200, 50),
  before: Type.Optional(messageId('`next` of the page before.')),
});

export const listMessagesQuery = Type.Object({
  leaf: Type.Optional(messageId('The last message of the branch; absent: the newest.')),
  through: Type.Optional(
    messageId('Instead of `leaf`: the branch through this message and on to its newest descendant.'),
  ),
  before: Type.Optional(messageId('`next` of the page before.')),
  limit: limit(200, 50),
});

export const exportQuery = Type.Object({
  format: Type.Optional(Type.Enum(['markdown', 'json'], { default: 'markdown' })),
});

export const searchQuery = Type.Object({
  q: Type.String({ minLength: 1, maxLength: 200, pattern: '\\S', description: 'Words to look for.' }),
  limit: limit(100, 20),
});

const day = (description: string) =>
  Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', maxLength: 10, description }));

export const usageQuery = Type.Object({
  from: day('The first day, in UTC; absent: 29 days before the last.'),
  to: day('The last day; absent: today.'),
  by: Type.Optional(
    Type.String({
      default: 'day',
      maxLength: 40,
      description: 'One or several of `day`, `model`, `key`, with commas.',
    }),
  ),
  key: Type.Optional(
    Type.String({ pattern: '^[0-9a-f]{12}$', maxLength: 12, description: 'Only of this key; `keys list` shows ids.' }),
  ),
  user_id: Type.Optional(userIdSchema),
});

export const streamQuery = Type.Object({
  last_event_id: Type.Optional(
    Type.String({ maxLength: 64, description: 'As the header `Last-Event-ID`, for clients that cannot set it.' }),
  ),
});
