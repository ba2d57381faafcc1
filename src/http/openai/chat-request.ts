import type { ChatMessage } from '../../protocol/chat-message.ts';
import { ChatError } from '../../protocol/errors.ts';
import type { GenerationParams } from '../../protocol/generation.ts';
import type { JsonSchema, ModelParams, ResponseFormat, Tool, ToolChoice } from '../../protocol/model-params.ts';
import {
  type ChatCompletionRequest,
  type CompletionRequest,
  OPENAI_MAX_TOKENS,
  type OpenAiMessage,
} from '../../protocol/openai-requests.ts';

/** A request in our words. */
export type Asked = { prompt: readonly ChatMessage[]; params: GenerationParams };

/** A `max_tokens` that is not said, where OpenAI writes 16. */
const COMPLETION_TOKENS = 16;
const DEEPEST_SCHEMA = 100;

export function readChat(body: ChatCompletionRequest): Asked {
  return {
    prompt: body.messages.map(toMessage),
    params: {
      ...samplingOf(body),
      maxTokens: body.max_completion_tokens ?? body.max_tokens ?? OPENAI_MAX_TOKENS,
      ...toolsOf(
        body.tools?.map((tool) => tool.function),
        body.tool_choice && typeof body.tool_choice === 'object' ? body.tool_choice.function.name : body.tool_choice,
        body.parallel_tool_calls,
      ),
      ...formatOf(body.response_format && flatFormat(body.response_format)),
    },
  };
}

export function readCompletion(body: CompletionRequest): Asked {
  const text = clean(typeof body.prompt === 'string' ? body.prompt : body.prompt[0]!);
  const maxTokens = body.max_tokens ?? COMPLETION_TOKENS;
  return {
    prompt: [{ role: 'user', content: text }],
    params: { ...samplingOf(body), maxTokens, form: 'completion' },
  };
}

type Penalties = Pick<ChatCompletionRequest, 'seed' | 'stop' | 'frequency_penalty' | 'presence_penalty'>;
type SamplingFields = Pick<ChatCompletionRequest, 'model' | 'temperature' | 'top_p' | 'cache' | 'allow_degraded'> &
  Partial<Penalties>;

export function samplingOf(body: SamplingFields): Omit<GenerationParams, 'maxTokens'> {
  const { cache, model, temperature, top_p, seed, stop, frequency_penalty, presence_penalty, allow_degraded } = body;
  const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
  return {
    ...(model != null && { model: clean(model) }),
    ...(temperature != null && { temperature }),
    ...(cache != null && { cache }),
    ...(top_p != null && { topP: top_p }),
    ...(seed != null && { seed: Math.abs(seed) }),
    ...(stops.length > 0 && { stop: stops.map(clean) }),
    ...(frequency_penalty != null && { frequencyPenalty: frequency_penalty }),
    ...(presence_penalty != null && { presencePenalty: presence_penalty }),
    ...(allow_degraded === false && { allowDegraded: false }),
  };
}

type FunctionFields = {
  name: string;
  description?: string | null;
  parameters?: JsonSchema | null;
  strict?: boolean | null;
};

/** `choice`: a word of the API, or the name of a function. */
export function toolsOf(
  functions: readonly FunctionFields[] | null | undefined,
  choice: string | null | undefined,
  parallel: boolean | null | undefined,
): ModelParams {
  if (!functions || functions.length === 0) return {};
  const tools = functions.map(toTool);
  return {
    tools,
    ...(choice != null && { toolChoice: choiceOf(choice, tools) }),
    ...(parallel != null && { parallelToolCalls: parallel }),
  };
}

function toTool({ name, description, parameters, strict }: FunctionFields): Tool {
  if (parameters) checkSchema(parameters, 'tools');
  return {
    name,
    ...(description != null && { description: clean(description) }),
    ...(parameters != null && { parameters }),
    ...(strict != null && { strict }),
  };
}

function choiceOf(choice: string, tools: readonly Tool[]): ToolChoice {
  if (choice === 'none' || choice === 'auto' || choice === 'required') return choice;
  if (!tools.some(({ name }) => name === choice)) throw refused('tool_choice', 'names none of the tools');
  return { name: choice };
}

type FormatFields =
  | { type: 'text' | 'json_object' }
  | { type: 'json_schema'; name: string; schema: JsonSchema; description?: string | null; strict?: boolean | null };

function flatFormat(format: NonNullable<ChatCompletionRequest['response_format']>): FormatFields {
  return 'json_schema' in format ? { type: 'json_schema', ...format.json_schema } : { type: format.type };
}

export function formatOf(format: FormatFields | null | undefined): { responseFormat?: ResponseFormat } {
  if (format?.type === 'json_object') return { responseFormat: { kind: 'json' } };
  if (format?.type !== 'json_schema') return {};
  const { name, schema, description, strict } = format;
  checkSchema(schema, 'response_format');
  return {
    responseFormat: {
      kind: 'schema',
      name,
      schema,
      ...(description != null && { description: clean(description) }),
      ...(strict != null && { strict }),
    },
  };
}

function toMessage(message: OpenAiMessage, index: number): ChatMessage {
  const { role, tool_calls, tool_call_id } = message;
  const at = `messages.${index}`;
  const content = textOf(message.content, `${at}.content`);
  if (role === 'tool') {
    if (tool_call_id === undefined) throw refused(`${at}.tool_call_id`, 'is missing');
    return { role, content, toolCallId: tool_call_id };
  }
  if (role !== 'assistant') return { role: role === 'developer' ? 'system' : role, content };
  const toolCalls = (tool_calls ?? []).map((call) => ({ id: call.id, ...call.function }));
  return { role, content, ...(toolCalls.length > 0 && { toolCalls }) };
}

type Content = string | readonly { type: string; text?: string }[] | null | undefined;
const TEXT_PARTS = ['text', 'input_text', 'output_text', 'refusal'];

/** Only text is read here. */
export function textOf(content: Content, field: string): string {
  if (content == null) return '';
  if (typeof content === 'string') return clean(content);
  return content
    .map(({ type, text }, index) => {
      if (!TEXT_PARTS.includes(type)) throw refused(`${field}.${index}.type`, 'only text is read here');
      return clean(text ?? '');
    })
    .join('');
}

/** As PostgreSQL can keep it. */
export function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

export function refused(field: string, why: string): ChatError {
  return new ChatError('invalid_request', { details: { [field]: why } });
}

/** As it can be kept: texts are cleaned where they are stored, names would change their meaning. */
function checkSchema(schema: unknown, field: string, depth = 0): void {
  if (depth > DEEPEST_SCHEMA) throw refused(field, `a schema may be nested ${DEEPEST_SCHEMA} deep`);
  if (schema === null || typeof schema !== 'object') return;
  for (const [name, inner] of Object.entries(schema)) {
    if (clean(name) !== name) throw refused(field, 'a name in a schema holds no NUL and only whole characters');
    checkSchema(inner, field, depth + 1);
  }
}
