import type { FollowEvent } from '../../core/follow-generation.ts';
import type { Generation } from '../../ports/generations.ts';
import type { openAiError } from '../../protocol/openai-errors.ts';
import { type AnswerPart, ToolCallReader } from '../../protocol/tool-calls.ts';
import type { Rendering } from './deliver.ts';
import { callItem, type Item, messageItem, reasoningItem, responseObject, textPart } from './response.ts';

/** An answer as the events of a response: items are opened, grow, and are closed, one after the other. */
export class ResponseEvents implements Rendering {
  readonly #generation: Generation;
  readonly #calls = new ToolCallReader();
  readonly #done: Item[] = [];
  #open: Item | null = null;
  #sequence = 0;
  #hasBegun = false;

  constructor(generation: Generation) {
    this.#generation = generation;
  }

  render(event: FollowEvent): string {
    switch (event.kind) {
      case 'text':
        return (
          this.#begin() +
          this.#calls
            .read(event.text)
            .map((part) => this.#part(part))
            .join('')
        );
      case 'reasoning':
        return this.#begin() + this.#grow('reasoning', event.text);
      case 'ended':
        return this.#begin() + this.#end(event.generation);
      default:
        return '';
    }
  }

  renderError(error: ReturnType<typeof openAiError>): string {
    return this.#event('error', { ...error, error });
  }

  #begin(): string {
    if (this.#hasBegun) return '';
    this.#hasBegun = true;
    const response = responseObject(this.#generation, []);
    return this.#event('response.created', { response }) + this.#event('response.in_progress', { response });
  }

  #part(part: AnswerPart): string {
    if (part.kind === 'text') return this.#grow('message', part.text);
    if (part.kind === 'arguments') return this.#grow('function_call', part.text);
    return this.#close('completed') + this.#openItem(callItem({ ...part, arguments: '' }, 'in_progress'));
  }

  #grow(type: Item['type'], delta: string): string {
    const opened = this.#open?.type === type ? '' : this.#close('completed') + this.#openItem(this.#newItem(type));
    const item = this.#open!;
    const at = { item_id: item.id, output_index: this.#done.length };
    switch (item.type) {
      case 'reasoning':
        item.content[0]!.text += delta;
        return opened + this.#event('response.reasoning_text.delta', { ...at, content_index: 0, delta });
      case 'message':
        item.content[0]!.text += delta;
        return opened + this.#event('response.output_text.delta', { ...at, content_index: 0, delta, logprobs: [] });
      case 'function_call':
        item.arguments += delta;
        return opened + this.#event('response.function_call_arguments.delta', { ...at, delta });
    }
  }

  #newItem(type: Item['type']): Item {
    const { id } = this.#generation;
    return type === 'reasoning' ? reasoningItem(id, '') : messageItem(id, '', 'in_progress');
  }

  #openItem(item: Item): string {
    this.#open = item;
    const output_index = this.#done.length;
    const bare = item.type === 'function_call' ? item : { ...item, content: [] };
    const added = this.#event('response.output_item.added', { output_index, item: bare });
    if (item.type === 'function_call') return added;
    const part = item.type === 'message' ? textPart('') : { type: 'reasoning_text', text: '' };
    return (
      added + this.#event('response.content_part.added', { item_id: item.id, output_index, content_index: 0, part })
    );
  }

  #close(status: 'completed' | 'incomplete'): string {
    const item = this.#open;
    if (!item) return '';
    this.#open = null;
    if (item.type !== 'reasoning') item.status = status;
    const at = { item_id: item.id, output_index: this.#done.length };
    const closed =
      this.#closing(item, at) + this.#event('response.output_item.done', { output_index: at.output_index, item });
    this.#done.push(item);
    return closed;
  }

  #closing(item: Item, at: { item_id: string; output_index: number }): string {
    if (item.type === 'function_call') {
      const { name, arguments: args } = item;
      return this.#event('response.function_call_arguments.done', { ...at, name, arguments: args });
    }
    const [part] = item.content;
    const place = { ...at, content_index: 0 };
    const done =
      item.type === 'message'
        ? this.#event('response.output_text.done', { ...place, text: part!.text, logprobs: [] })
        : this.#event('response.reasoning_text.done', { ...place, text: part!.text });
    return done + this.#event('response.content_part.done', { ...place, part });
  }

  #end(generation: Generation): string {
    const isCut = generation.finishReason === 'length';
    const nothing = this.#open === null && this.#done.length === 0;
    const empty = nothing ? this.#openItem(this.#newItem('message')) : '';
    const closed = empty + this.#close(isCut ? 'incomplete' : 'completed');
    const response = responseObject(generation, this.#done);
    return closed + this.#event(isCut ? 'response.incomplete' : 'response.completed', { response });
  }

  #event(type: string, data: object): string {
    const sequence_number = this.#sequence++;
    return `event: ${type}\ndata: ${JSON.stringify({ ...data, type, sequence_number })}\n\n`;
  }
}
