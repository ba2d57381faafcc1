import type { FollowEvent } from '../../core/follow-generation.ts';
import type { Generation } from '../../ports/generations.ts';
import type { openAiError } from '../../protocol/openai-errors.ts';
import { DONE_EVENT, dataEvent, finishReasonOf, seconds, storedAs, usageOf } from './chat-completion.ts';
import type { Rendering, WholeAnswer } from './deliver.ts';

export function completion({ generation, text }: WholeAnswer) {
  return {
    ...headOf(generation),
    choices: [{ index: 0, text, logprobs: null, finish_reason: finishReasonOf(generation.finishReason) }],
    usage: usageOf(generation),
    ...storedAs(generation),
  };
}

function headOf(generation: Generation) {
  return {
    id: `cmpl-${generation.id}`,
    object: 'text_completion' as const,
    created: seconds(generation.createdAt),
    model: generation.model ?? generation.params.model ?? '',
  };
}

/** An answer as `text_completion` events. */
export class CompletionChunks implements Rendering {
  readonly #head: ReturnType<typeof headOf>;
  readonly #includeUsage: boolean;

  constructor(generation: Generation, includeUsage: boolean) {
    this.#head = headOf(generation);
    this.#includeUsage = includeUsage;
  }

  render(event: FollowEvent): string {
    if (event.kind === 'text') return this.#choice(event.text, null);
    if (event.kind !== 'ended') return '';
    const usage = this.#includeUsage ? dataEvent({ ...this.#head, choices: [], usage: usageOf(event.generation) }) : '';
    return this.#choice('', finishReasonOf(event.generation.finishReason)) + usage + DONE_EVENT;
  }

  renderError(error: ReturnType<typeof openAiError>): string {
    return dataEvent({ error });
  }

  #choice(text: string, finishReason: string | null): string {
    return dataEvent({ ...this.#head, choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason }] });
  }
}
