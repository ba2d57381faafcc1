import Type, { type TProperties } from 'typebox';

/** What is answered, as far as it is told apart; OpenAI's own reference says the rest. */
const object = <T extends TProperties>(title: string, description: string, properties: T) =>
  Type.Object(properties, { title, description });
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);
const finishReason = Type.Enum(['stop', 'length', 'tool_calls']);
const metadata = Type.Optional(
  Type.Object(
    { conversation_id: Type.String() },
    { description: 'Of a stored answer: the number of its conversation.' },
  ),
);

export const usageSchema = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
});

export const chatCompletionAnswer = object(
  'ChatCompletion',
  'A whole answer. Streamed: `chat.completion.chunk` events.',
  {
    id: Type.String({ description: '`chatcmpl-` and the correlation id.' }),
    object: Type.Literal('chat.completion'),
    created: Type.Integer(),
    model: Type.String({ description: 'The model that answered.' }),
    choices: Type.Array(
      Type.Object({
        index: Type.Literal(0),
        message: Type.Object({
          role: Type.Literal('assistant'),
          content: nullable(Type.String()),
          refusal: Type.Null(),
          reasoning_content: Type.Optional(Type.String({ description: 'What the model wrote before its answer.' })),
          tool_calls: Type.Optional(
            Type.Array(
              Type.Object({
                id: Type.String(),
                type: Type.Literal('function'),
                function: Type.Object({ name: Type.String(), arguments: Type.String({ description: 'JSON.' }) }),
              }),
            ),
          ),
        }),
        logprobs: Type.Null(),
        finish_reason: finishReason,
      }),
    ),
    usage: usageSchema,
    metadata,
  },
);

export const completionAnswer = object('Completion', 'Text that goes on. Streamed: events of the same form.', {
  id: Type.String(),
  object: Type.Literal('text_completion'),
  created: Type.Integer(),
  model: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Literal(0),
      text: Type.String(),
      logprobs: Type.Null(),
      finish_reason: finishReason,
    }),
  ),
  usage: usageSchema,
  metadata,
});

export const openAiModelSchema = object('OpenAiModel', 'A model that can be asked for.', {
  id: Type.String(),
  object: Type.Literal('model'),
  created: Type.Integer(),
  owned_by: Type.String(),
});

export const embeddingsAnswer = object('Embeddings', 'A vector for each input.', {
  object: Type.Literal('list'),
  data: Type.Array(
    Type.Object({
      object: Type.Literal('embedding'),
      index: Type.Integer(),
      embedding: Type.Union([Type.Array(Type.Number()), Type.String({ description: 'Base64 of 32-bit floats.' })]),
    }),
  ),
  model: Type.String(),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
});

const USAGE = {
  prompt_tokens: 38,
  completion_tokens: 8,
  total_tokens: 46,
  prompt_tokens_details: { cached_tokens: 24 },
};

export const EXAMPLE_COMPLETION = {
  id: 'chatcmpl-01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
  object: 'chat.completion',
  created: 1772357400,
  model: 'qwen2.5-0.5b',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'The capital of France is Paris.', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
};

export const EXAMPLE_TEXT_COMPLETION = {
  id: 'cmpl-01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
  object: 'text_completion',
  created: 1772357400,
  model: 'qwen2.5-0.5b',
  choices: [{ index: 0, text: ' Paris.', logprobs: null, finish_reason: 'stop' }],
  usage: USAGE,
};

const outputItem = Type.Object(
  {
    id: Type.String(),
    type: Type.Enum(['message', 'function_call', 'reasoning']),
  },
  {
    description: 'A message with `content`, a call with `call_id`, `name` and `arguments`, or what the model thought.',
  },
);

export const responseAnswer = object('Response', 'A response. Streamed: its events, from `response.created` on.', {
  id: Type.String({ description: '`resp_` and the correlation id.' }),
  object: Type.Literal('response'),
  created_at: Type.Integer(),
  status: Type.Enum(['in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() })),
  incomplete_details: nullable(Type.Object({ reason: Type.Literal('max_output_tokens') })),
  model: Type.String(),
  output: Type.Array(outputItem),
  store: Type.Boolean(),
  usage: nullable(
    Type.Object({
      input_tokens: Type.Integer(),
      input_tokens_details: Type.Object({ cached_tokens: Type.Integer() }),
      output_tokens: Type.Integer(),
      output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
      total_tokens: Type.Integer(),
    }),
  ),
  metadata: Type.Record(Type.String(), Type.String()),
});

export const EXAMPLE_RESPONSE = {
  id: 'resp_01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
  object: 'response',
  created_at: 1772357400,
  status: 'completed',
  error: null,
  incomplete_details: null,
  model: 'qwen2.5-0.5b',
  output: [
    {
      id: 'msg_01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: 'The capital of France is Paris.', annotations: [], logprobs: [] }],
    },
  ],
  store: false,
  usage: {
    input_tokens: 38,
    input_tokens_details: { cached_tokens: 24 },
    output_tokens: 8,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 46,
  },
  metadata: {},
};
