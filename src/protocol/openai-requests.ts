import Type, { type Static, type TSchema } from 'typebox';
import { allowDegraded, userIdSchema } from './requests.ts';

/**
 * What is understood of OpenAI's requests. Fields that are not named here are ignored, as programs written
 * for other servers send them; what would change the answer and cannot be done is refused by name. `null`
 * stands for a field that was left out.
 */
export const OPENAI_MAX_TOKENS = 1_000_000;
/** For whom it is where the request names nobody: all such requests of a workspace share one user's turn. */
export const OPENAI_USER = 'openai';
const MOST_MESSAGES = 10_000;
const MOST_TOOLS = 128;
const MOST_STOPS = 16;
const MOST_METADATA = 16;
const LONGEST_NAME = 64;

const opt = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
const text = (description: string) => Type.String({ description });
const flag = (description: string) => opt(Type.Boolean({ description }));
const number = (minimum: number, maximum: number, description: string) =>
  opt(Type.Number({ minimum, maximum, description }));
const only = (value: boolean | number, description: string) => opt(Type.Literal(value, { description }));

const name = Type.String({ minLength: 1, maxLength: LONGEST_NAME, pattern: '^[a-zA-Z0-9_.-]+$' });
const jsonSchema = Type.Record(Type.String(), Type.Unknown(), { description: 'A JSON Schema.' });
const functionFields = {
  name,
  description: opt(Type.String({ maxLength: 10_000 })),
  parameters: opt(jsonSchema),
  strict: opt(Type.Boolean()),
};
const formatFields = { name, schema: jsonSchema, description: opt(Type.String()), strict: opt(Type.Boolean()) };

const model = opt(
  Type.String({ minLength: 1, maxLength: 200, description: 'An id of `GET /v1/models`; absent: the default.' }),
);
const tokens = (description: string) => opt(Type.Integer({ minimum: 1, maximum: OPENAI_MAX_TOKENS, description }));
const metadata = opt(
  Type.Record(Type.String({ maxLength: LONGEST_NAME }), Type.String({ maxLength: 512 }), {
    maxProperties: MOST_METADATA,
    description: '`conversation_id`: with `store`, the number of the conversation that it goes on with.',
  }),
);
const store = flag(
  'Whether question and answer become part of a conversation of the user. If not, hanging up ends it, and it is forgotten.',
);
const user = opt(userIdSchema);
const stop = opt(
  Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: MOST_STOPS })], {
    description: 'The answer ends before the first of these.',
  }),
);
const seed = opt(Type.Integer({ minimum: -(2 ** 53), maximum: 2 ** 53 }));

const sampling = {
  model,
  temperature: number(0, 2, "Absent: the model's own."),
  top_p: number(0, 1, "Absent: the model's own."),
  user,
  store,
  metadata,
  stream: flag('Server-sent events.'),
  cache: flag('Our own: whether the answer may be one that the same request was given; as `POST /chat` has it.'),
  allow_degraded: opt(allowDegraded),
};

const penalties = {
  frequency_penalty: number(-2, 2, 'Against words by how often they came.'),
  presence_penalty: number(-2, 2, 'Against words that came.'),
  seed,
  stop,
  n: only(1, 'One answer is made; ask again for another.'),
  stream_options: opt(
    Type.Object({ include_usage: opt(Type.Boolean({ description: 'A last event with token counts.' })) }),
  ),
};

const contentPart = Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) });
const content = Type.Union([Type.String(), Type.Array(contentPart, { maxItems: MOST_MESSAGES }), Type.Null()]);
const toolCall = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 200 }),
  type: opt(Type.Literal('function')),
  function: Type.Object({ name, arguments: Type.String() }),
});
const chatMessage = Type.Object({
  role: Type.Enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Type.Optional(content),
  tool_calls: opt(Type.Array(toolCall, { maxItems: MOST_TOOLS })),
  tool_call_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});
export type OpenAiMessage = Static<typeof chatMessage>;

export const chatCompletionSchema = Type.Object(
  {
    ...sampling,
    ...penalties,
    messages: Type.Array(chatMessage, {
      minItems: 1,
      maxItems: MOST_MESSAGES,
      description: 'All that the model reads, oldest first.',
    }),
    max_completion_tokens: tokens('Tokens of the answer at most; absent: what the window holds.'),
    max_tokens: tokens('The older name of `max_completion_tokens`.'),
    response_format: opt(
      Type.Union([
        Type.Object({ type: Type.Enum(['text', 'json_object']) }),
        Type.Object({ type: Type.Literal('json_schema'), json_schema: Type.Object(formatFields) }),
      ]),
    ),
    tools: opt(
      Type.Array(Type.Object({ type: Type.Literal('function'), function: Type.Object(functionFields) }), {
        maxItems: MOST_TOOLS,
      }),
    ),
    tool_choice: opt(
      Type.Union([
        Type.Enum(['none', 'auto', 'required']),
        Type.Object({ type: Type.Literal('function'), function: Type.Object({ name }) }),
      ]),
    ),
    parallel_tool_calls: flag('False: at most one call in an answer.'),
    logprobs: only(false, 'Not given here.'),
  },
  { title: 'ChatCompletionRequest', description: 'As OpenAI takes it.' },
);
export type ChatCompletionRequest = Static<typeof chatCompletionSchema>;

export const completionSchema = Type.Object(
  {
    ...sampling,
    ...penalties,
    prompt: Type.Union(
      [Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 1 })],
      {
        description: 'Text that the model goes on with; no chat form is put around it.',
      },
    ),
    max_tokens: tokens('Tokens of the answer at most; absent: 16.'),
    echo: only(false, 'Not done here.'),
    best_of: only(1, 'One answer is made.'),
    suffix: Type.Optional(Type.Null({ description: 'Not done here.' })),
    logprobs: Type.Optional(Type.Null({ description: 'Not given here.' })),
  },
  { title: 'CompletionRequest', description: 'As OpenAI takes it.' },
);
export type CompletionRequest = Static<typeof completionSchema>;

const MOST_INPUTS = 2048;
export const embeddingsSchema = Type.Object(
  {
    model,
    input: Type.Union([
      Type.String({ minLength: 1 }),
      Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: MOST_INPUTS }),
    ]),
    encoding_format: opt(Type.Enum(['float', 'base64'])),
    dimensions: opt(Type.Integer({ minimum: 1, maximum: 100_000 })),
    user,
  },
  { title: 'EmbeddingsRequest', description: 'As OpenAI takes it.' },
);

const inputItem = Type.Object({
  type: Type.Optional(Type.Enum(['message', 'function_call', 'function_call_output', 'reasoning'])),
  role: Type.Optional(Type.Enum(['system', 'developer', 'user', 'assistant'])),
  content: Type.Optional(content),
  call_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  name: Type.Optional(name),
  arguments: Type.Optional(Type.String()),
  output: Type.Optional(Type.Union([Type.String(), Type.Array(contentPart, { maxItems: MOST_MESSAGES })])),
});
export type ResponseInputItem = Static<typeof inputItem>;

export const responseSchema = Type.Object(
  {
    ...sampling,
    input: Type.Union([Type.String({ minLength: 1 }), Type.Array(inputItem, { minItems: 1, maxItems: MOST_MESSAGES })]),
    instructions: opt(text('Placed before everything else.')),
    previous_response_id: opt(
      Type.String({ maxLength: 100, description: 'Of a stored response: this one goes on behind it.' }),
    ),
    max_output_tokens: tokens('Tokens of the answer at most; absent: what the window holds.'),
    tools: opt(
      Type.Array(Type.Object({ type: Type.Literal('function'), ...functionFields }), { maxItems: MOST_TOOLS }),
    ),
    tool_choice: opt(
      Type.Union([Type.Enum(['none', 'auto', 'required']), Type.Object({ type: Type.Literal('function'), name })]),
    ),
    parallel_tool_calls: flag('False: at most one call in an answer.'),
    text: opt(
      Type.Object({
        format: opt(
          Type.Union([
            Type.Object({ type: Type.Enum(['text', 'json_object']) }),
            Type.Object({ type: Type.Literal('json_schema'), ...formatFields }),
          ]),
        ),
      }),
    ),
    background: only(false, 'Store it and follow its stream, or use `/async-chat`.'),
  },
  { title: 'ResponseRequest', description: 'As OpenAI takes it.' },
);
export type ResponseRequest = Static<typeof responseSchema>;

export const openAiModelParams = Type.Object({ model: Type.String({ description: 'An id of `GET /v1/models`.' }) });
export const openAiResponseParams = Type.Object({
  id: Type.String({ maxLength: 100, description: 'As `POST /v1/responses` gave it.' }),
});
