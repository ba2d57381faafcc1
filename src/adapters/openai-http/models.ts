import { isLoopbackUrl } from '../../lib/private-address.ts';
import type { ModelInfo } from '../../ports/inference.ts';
import type { Upstream } from './upstream.ts';

export type ModelDefaults = {
  /** The one that is asked where none is named; else the server's first. */
  model?: string;
  /** Tokens, for servers that do not say. */
  contextWindow: number;
  /** The server takes `continue_final_message`. */
  continues: boolean;
  isHosted?: boolean;
};

type Listed = {
  data?: {
    id: string;
    /** vLLM. */
    max_model_len?: number | null;
    /** Ray Serve LLM. */
    metadata?: { max_request_context_length?: number | null } | null;
  }[];
};

/** Marks of a common chat form per message, for servers that will not count. */
const TOKENS_PER_MESSAGE = 8;
const DEFAULT_TEMPERATURE = 0.7;

export async function readModels(
  upstream: Upstream,
  defaults: ModelDefaults,
  signal: AbortSignal,
): Promise<readonly ModelInfo[]> {
  const listed = (await upstream.ask<Listed>({ path: '/v1/models' }, signal))?.data ?? [];
  const first = (id: string) => (id === defaults.model ? 0 : 1);
  const models = listed.toSorted((a, b) => first(a.id) - first(b.id));
  return Promise.all(
    models.map(async ({ id, max_model_len, metadata }) => ({
      id,
      title: id,
      description: `Served by ${new URL(upstream.root).host}.`,
      contextWindow: max_model_len ?? metadata?.max_request_context_length ?? defaults.contextWindow,
      continues: defaults.continues,
      tokensPerMessage: defaults.isHosted ? TOKENS_PER_MESSAGE : await measureChatForm(upstream, id, signal),
      systemPrompt: null,
      defaultTemperature: DEFAULT_TEMPERATURE,
      suggestions: [],
      staysHere: isLoopbackUrl(upstream.root),
    })),
  );
}

/** Tokens of a message less those of its text; includes what opens the answer, so that sums are never short. */
async function measureChatForm(upstream: Upstream, model: string, signal: AbortSignal): Promise<number> {
  const text = 'one two three';
  const count = async (body: object) =>
    (await upstream.ask<{ count: number }>({ path: '/tokenize', body: { model, ...body } }, signal))?.count ??
    Number.NaN;
  try {
    const [whole, bare] = await Promise.all([
      count({ messages: [{ role: 'user', content: text }] }),
      count({ prompt: text, add_special_tokens: false }),
    ]);
    return whole - bare > 0 ? whole - bare : TOKENS_PER_MESSAGE;
  } catch {
    signal.throwIfAborted();
    return TOKENS_PER_MESSAGE;
  }
}
