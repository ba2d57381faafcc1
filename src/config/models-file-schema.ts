import Type, { type Static } from 'typebox';

const closed = { additionalProperties: false };
const text = (maxLength = 1000) => Type.String({ minLength: 1, maxLength });
const WORKSPACE = '^[a-z0-9][a-z0-9-]{0,62}$';
/** Per million tokens. */
const amount = Type.Number({ minimum: 0 });

/** Providers, by where their OpenAI-compatible API begins; null: each customer's own address. */
export const PROVIDER_URLS = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
  gemini: 'https://generativelanguage.googleapis.com/v1beta/openai',
  azure: null,
  bedrock: null,
} as const;
export type Provider = keyof typeof PROVIDER_URLS;

const serverSchema = Type.Object(
  {
    url: Type.Optional(text()),
    kind: Type.Optional(Type.Enum(Object.keys(PROVIDER_URLS) as Provider[])),
    api_key_env: Type.Optional(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' })),
    weight: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1000 })),
    api: Type.Optional(Type.Enum(['vllm', 'openai'])),
    priority: Type.Optional(Type.Boolean()),
  },
  closed,
);

const modelSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[\\x21-\\x7e]{1,200}$' }),
    title: Type.Optional(text(200)),
    description: Type.Optional(text()),
    servers: Type.Optional(Type.Array(serverSchema, { minItems: 1, maxItems: 1000 })),
    served_as: Type.Optional(text(200)),
    engine: Type.Optional(text()),
    context_window: Type.Optional(Type.Integer({ minimum: 256, maximum: 10_000_000 })),
    price: Type.Optional(Type.Object({ prompt: amount, cached: Type.Optional(amount), completion: amount }, closed)),
    fallback: Type.Optional(text(200)),
    workspaces: Type.Optional(Type.Array(Type.String({ pattern: WORKSPACE }), { minItems: 1, maxItems: 1000 })),
    capabilities: Type.Optional(
      Type.Object(
        {
          continues: Type.Optional(Type.Boolean()),
          tools: Type.Optional(Type.Boolean()),
          json_schema: Type.Optional(Type.Boolean()),
          reasoning: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
    ),
    system_prompt: Type.Optional(text(100_000)),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
    top_p: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    frequency_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
    presence_penalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
    suggestions: Type.Optional(Type.Array(text(200), { maxItems: 8 })),
  },
  closed,
);

export const modelsFileSchema = Type.Object({ models: Type.Array(modelSchema, { minItems: 1 }) }, closed);
export type WrittenModel = Static<typeof modelSchema>;
