import type { FollowEvent } from '../../core/follow-generation.ts';
import { type Generation, isStored } from '../../ports/generations.ts';
import type { FinishReason } from '../../protocol/generation.ts';
import type { openAiError } from '../../protocol/openai-errors.ts';
import { type AnswerPart, ToolCallReader } from '../../protocol/tool-calls.ts';
import type { Rendering, WholeAnswer } from './deliver.ts';

export const DONE_EVENT = 'data: [DONE]\n\n';
export const dataEvent = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
export const seconds = (ms: number): number => Math.floor(ms / 1000);

export function chatCompletion({ generation, text, reasoning, toolCalls }: WholeAnswer) {
  const calls = toolCalls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: args },
  }));
  const message = {
    role: 'assistant' as const,
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return {
    ...headOf(generation, 'chat.completion'),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasonOf(generation.finishReason) }],
    usage: usageOf(generation),
    ...storedAs(generation),
  };
}

function headOf(generation: Generation, object: string) {
  return {
    id: `chatcmpl-${generation.id}`,
    object,
    created: seconds(generation.createdAt),
    model: generation.model ?? generation.params.model ?? '',
  };
}

/** Where a stored answer is found again. */
export function storedAs(generation: Generation) {
  return isStored(generation) ? { metadata: { conversation_id: String(generation.conversationNumber) } } : {};
}

export function finishReasonOf(reason: FinishReason | null): 'stop' | 'length' | 'tool_calls' {
  return reason === 'length' || reason === 'tool_calls' ? reason : 'stop';
}

export function usageOf({ receipt }: Generation) {
  const { prompt, completion, reused } = receipt?.tokens ?? { prompt: 0, completion: 0, reused: 0 };
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: reused },
  };
}

/** An answer as `chat.completion.chunk` events. */
export class ChatChunks implements Rendering {
  readonly #head: string;
  readonly #includeUsage: boolean;
  readonly #calls = new ToolCallReader();
  #hasRole = false;

  constructor(generation: Generation, includeUsage: boolean) {
    const head = headOf(generation, 'chat.completion.chunk');
    this.#head = JSON.stringify(head).slice(0, -1);
    this.#includeUsage = includeUsage;
  }

  render(event: FollowEvent): string {
    switch (event.kind) {
      case 'text':
        return (
          this.#role() +
          this.#calls
            .read(event.text)
            .map((part) => this.#delta(deltaOf(part)))
            .join('')
        );
      case 'reasoning':
        return this.#role() + this.#delta({ reasoning_content: event.text });
      case 'ended':
        return this.#role() + this.#end(event.generation);
      default:
        return '';
    }
  }

  renderError(error: ReturnType<typeof openAiError>): string {
    return dataEvent({ error });
  }

  #role(): string {
    if (this.#hasRole) return '';
    this.#hasRole = true;
    return this.#delta({ role: 'assistant', content: '' });
  }

  #delta(delta: object, finishReason: string | null = null): string {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    const usage = this.#includeUsage ? ',"usage":null' : '';
    return `data: ${this.#head},"choices":${JSON.stringify(choices)}${usage}}\n\n`;
  }

  #end(generation: Generation): string {
    const last = this.#delta({}, finishReasonOf(generation.finishReason));
    const usage = this.#includeUsage
      ? `data: ${this.#head},"choices":[],"usage":${JSON.stringify(usageOf(generation))}}\n\n`
      : '';
    return last + usage + DONE_EVENT;
  }
}

function deltaOf(part: AnswerPart): object {
  if (part.kind === 'text') return { content: part.text };
  const call =
    part.kind === 'call'
      ? { index: part.index, id: part.id, type: 'function', function: { name: part.name, arguments: '' } }
      : { index: part.index, function: { arguments: part.text } };
  return { tool_calls: [call] };
}
