import type { InferenceRequest } from '../../ports/inference.ts';
import type { ChatMessage } from '../../protocol/chat-message.ts';
import type { ModelParams, ResponseFormat, ToolChoice } from '../../protocol/model-params.ts';
import type { Estimates } from './completion-stream.ts';
import type { OpenAiHttpOptions } from './options.ts';

/** vLLM serves lower ones first. */
const PRIORITIES = { stream: 0, chat: 1, batch: 2 } as const;

type Options = Pick<OpenAiHttpOptions, 'dialect' | 'sendsPriority' | 'maxTokensField'>;
/** `strippedSpace`: of the prefix's end. As a token of its own it may end the answer at once. */
type Call = { path: string; body: object } & Pick<Estimates, 'strippedSpace' | 'reasoning'>;

/** Where the request goes, and with which words. */
export function completionCall(request: InferenceRequest, options: Options): Call {
  const common = commonBody(request, options);
  const given = request.prefix.text.trimEnd();
  const strippedSpace = request.prefix.text.slice(given.length);
  const reasoning = given ? 'text' : strippedSpace ? 'known' : 'reasoning';
  if (request.form !== 'completion') {
    const body = { ...common, ...chatBody(request, given, options) };
    return { path: '/v1/chat/completions', body, strippedSpace, reasoning };
  }
  const prompt = request.messages.map(({ content }) => content).join('') + given;
  return { path: '/v1/completions', body: { ...common, prompt }, strippedSpace, reasoning };
}

function commonBody(request: InferenceRequest, options: Options) {
  const { workspace } = request;
  const isVllm = options.dialect === 'vllm';
  return {
    model: request.model,
    [options.maxTokensField ?? 'max_tokens']: request.maxTokens,
    stream: true,
    stream_options: { include_usage: true, ...(isVllm && { continuous_usage_stats: true }) },
    ...samplingBody(request),
    ...(isVllm && workspace && { cache_salt: workspace }),
    ...(options.sendsPriority && { priority: PRIORITIES[request.lane] }),
  };
}

function samplingBody({ temperature, topP, seed, stop, frequencyPenalty, presencePenalty }: ModelParams) {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stop }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
  };
}

/**
 * The prefix is the beginning of the last message, which the server is told to go on with. vLLM's templates that know
 * reasoning read what was thought before it.
 */
function chatBody(request: InferenceRequest, given: string, { dialect }: Options) {
  const { reasoning } = request.prefix;
  const begun = { role: 'assistant', content: given, ...(dialect === 'vllm' && reasoning && { reasoning }) };
  const { tools, toolChoice, parallelToolCalls, responseFormat } = request;
  const messages = request.messages.map(toWire);
  return {
    messages: given ? [...messages, begun] : messages,
    ...(given && { continue_final_message: true, add_generation_prompt: false }),
    ...(tools && tools.length > 0 && { tools: tools.map((each) => ({ type: 'function', function: each })) }),
    ...(toolChoice !== undefined && { tool_choice: toolChoiceBody(toolChoice) }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
    ...(responseFormat && { response_format: formatBody(responseFormat) }),
  };
}

function toWire(message: ChatMessage): object {
  if (message.role === 'tool') return { role: 'tool', content: message.content, tool_call_id: message.toolCallId };
  if (message.role !== 'assistant' || !message.toolCalls) return { role: message.role, content: message.content };
  const calls = message.toolCalls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  return { role: 'assistant', content: message.content || null, tool_calls: calls };
}

function toolChoiceBody(choice: ToolChoice): unknown {
  return typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } };
}

function formatBody(format: ResponseFormat): object {
  if (format.kind === 'text') return { type: 'text' };
  if (format.kind === 'json') return { type: 'json_object' };
  const { kind: _, ...schema } = format;
  return { type: 'json_schema', json_schema: schema };
}
