import { OpenAiHttpInference } from '../../src/adapters/openai-http/inference.ts';
import type { InferenceRequest } from '../../src/ports/inference.ts';

/** The adapter that workers read a model server with, at the bench's. */
export function openAdapter(url: string): OpenAiHttpInference {
  return new OpenAiHttpInference({
    url,
    contextWindow: 100_000,
    continues: true,
    dialect: 'vllm',
    sendsPriority: false,
    connectTimeoutMs: 5000,
    patience: { firstTokenMs: 60_000, idleMs: 60_000, totalMs: 600_000 },
  });
}

/** `content`: says how many tokens at what pace, as the model server reads it. */
export function requestFor(content: string, maxTokens: number): InferenceRequest {
  const messages = [{ role: 'user' as const, content }];
  const prefix = { text: '', reasoning: '' };
  return { model: 'bench', messages, prefix, maxTokens, affinity: content, lane: 'stream' };
}
