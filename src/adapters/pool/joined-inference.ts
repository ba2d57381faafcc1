import {
  type EmbeddingRequest,
  type EmbeddingResult,
  type Inference,
  InferenceError,
  type InferenceHealth,
  type InferenceRequest,
  type InferenceResult,
  type InferenceSink,
  type ModelInfo,
} from '../../ports/inference.ts';
import { ChatError } from '../../protocol/errors.ts';

/** Several as one: the first's models come first, and a name that two have is the earlier one's. */
export class JoinedInference implements Inference {
  readonly #first: Inference;
  readonly #others: () => readonly Inference[];

  constructor(first: Inference, others: () => readonly Inference[]) {
    this.#first = first;
    this.#others = others;
  }

  models(): readonly ModelInfo[] {
    const byId = new Map<string, ModelInfo>();
    for (const model of this.#all().flatMap((each) => each.models())) {
      if (!byId.has(model.id)) byId.set(model.id, model);
    }
    return [...byId.values()];
  }

  generate(request: InferenceRequest, sink: InferenceSink, signal: AbortSignal): Promise<InferenceResult> {
    return this.#whoHas(request.model).generate(request, sink, signal);
  }

  countTokens(model: string, texts: readonly string[], signal?: AbortSignal): Promise<readonly number[]> {
    return this.#whoHas(model).countTokens(model, texts, signal);
  }

  async embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingResult> {
    const inference = this.#whoHas(request.model);
    if (!inference.embed) throw new ChatError('embeddings_unsupported');
    return await inference.embed(request, signal);
  }

  /** The first's, which has the default; where it has no model at all, whoever has one stands in. */
  async health(): Promise<InferenceHealth> {
    const own = await this.#first.health();
    if (own.status === 'up' || this.#first.models().length > 0) return own;
    for (const other of this.#others()) {
      if (other.models().length === 0) continue;
      const health = await other.health();
      if (health.status === 'up') return { status: 'up', detail: `${health.detail}; ${own.detail}` };
    }
    return own;
  }

  #all(): Inference[] {
    return [this.#first, ...this.#others()];
  }

  #whoHas(model: string): Inference {
    const found = this.#all().find((each) => each.models().some(({ id }) => id === model));
    if (found) return found;
    if (this.#first.models().length === 0) return this.#first;
    throw new InferenceError('model_not_found', `there is no ${model} any more`);
  }
}
