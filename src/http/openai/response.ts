import { type Generation, isStored } from '../../ports/generations.ts';
import { ERRORS, type ErrorCode } from '../../protocol/errors.ts';
import type { GenerationParams } from '../../protocol/generation.ts';
import { seconds, storedAs } from './chat-completion.ts';
import type { WholeAnswer } from './deliver.ts';
import { responseId } from './response-request.ts';

export type Item =
  | { id: string; type: 'reasoning'; summary: []; content: { type: 'reasoning_text'; text: string }[] }
  | { id: string; type: 'message'; role: 'assistant'; status: Status; content: TextPart[] }
  | { id: string; type: 'function_call'; call_id: string; name: string; arguments: string; status: Status };
export type TextPart = { type: 'output_text'; text: string; annotations: []; logprobs: [] };
type Status = 'in_progress' | 'completed' | 'incomplete';

/** The response as it stands; `output` empty while it is being made. */
export function responseObject(generation: Generation, output: readonly Item[]) {
  const { params, receipt, state } = generation;
  const { prompt, completion, reused } = receipt?.tokens ?? { prompt: 0, completion: 0, reused: 0 };
  const usage = {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: reused },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt + completion,
  };
  return {
    id: responseId(generation),
    object: 'response' as const,
    created_at: seconds(generation.createdAt),
    status: statusOf(generation),
    background: false,
    error: errorOf(generation),
    incomplete_details: generation.finishReason === 'length' ? { reason: 'max_output_tokens' as const } : null,
    instructions: null,
    max_output_tokens: params.maxTokens,
    model: generation.model ?? params.model ?? '',
    output,
    parallel_tool_calls: params.parallelToolCalls ?? true,
    previous_response_id: null,
    store: isStored(generation),
    temperature: params.temperature ?? null,
    text: { format: formatOf(params) },
    tool_choice: choiceOf(params),
    tools: (params.tools ?? []).map((tool) => ({
      type: 'function' as const,
      name: tool.name,
      description: tool.description ?? null,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? null,
    })),
    top_p: params.topP ?? null,
    truncation: 'disabled' as const,
    usage: state === 'queued' || state === 'running' ? null : usage,
    metadata: storedAs(generation).metadata ?? {},
  };
}

export function wholeResponse(answer: WholeAnswer) {
  return responseObject(answer.generation, itemsOf(answer));
}

function itemsOf({ generation, text, reasoning, toolCalls }: WholeAnswer): Item[] {
  const status = generation.finishReason === 'length' ? 'incomplete' : 'completed';
  const items: Item[] = [];
  if (reasoning !== '') items.push(reasoningItem(generation.id, reasoning));
  if (text !== '' || toolCalls.length === 0) items.push(messageItem(generation.id, text, status));
  return [...items, ...toolCalls.map((call) => callItem(call, status))];
}

export function reasoningItem(id: string, text: string): Extract<Item, { type: 'reasoning' }> {
  return { id: `rs_${id}`, type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] };
}

export function messageItem(id: string, text: string, status: Status): Extract<Item, { type: 'message' }> {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', status, content: [textPart(text)] };
}

export function callItem(
  { id, name, arguments: args }: { id: string; name: string; arguments: string },
  status: Status,
): Extract<Item, { type: 'function_call' }> {
  return { id: `fc_${id}`, type: 'function_call', call_id: id, name, arguments: args, status };
}

export const textPart = (text: string): TextPart => ({ type: 'output_text', text, annotations: [], logprobs: [] });

function statusOf({ state, finishReason }: Generation) {
  switch (state) {
    case 'queued':
    case 'running':
      return 'in_progress';
    case 'done':
      return finishReason === 'length' ? 'incomplete' : 'completed';
    case 'cancelled':
      return 'cancelled';
    case 'failed':
    case 'interrupted':
      return 'failed';
  }
}

function errorOf({ state, error }: Generation) {
  if (state !== 'failed' && state !== 'interrupted') return null;
  const code = (error?.code ?? 'generation_failed') as ErrorCode;
  return { code, message: error?.message ?? ERRORS[code].message };
}

function formatOf({ responseFormat: format }: GenerationParams) {
  if (!format || format.kind === 'text') return { type: 'text' as const };
  if (format.kind === 'json') return { type: 'json_object' as const };
  const { kind: _, ...schema } = format;
  return { type: 'json_schema' as const, ...schema };
}

function choiceOf({ toolChoice = 'auto' }: GenerationParams) {
  return typeof toolChoice === 'string' ? toolChoice : { type: 'function' as const, name: toolChoice.name };
}
