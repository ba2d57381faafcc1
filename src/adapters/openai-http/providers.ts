import type { OpenAiHttpOptions } from './options.ts';

type Provider = 'openai' | 'azure' | 'anthropic' | 'gemini' | 'bedrock';

/** How the OpenAI-compatible endpoints of providers differ from each other. */
const DIFFERENCES: Record<Provider, Partial<OpenAiHttpOptions>> = {
  // Their newer models refuse `max_tokens`.
  openai: { maxTokensField: 'max_completion_tokens' },
  azure: { maxTokensField: 'max_completion_tokens', apiKeyHeader: 'api-key' },
  // Completions take the key as OpenAI's do; the list of models is that of its own API.
  anthropic: { alsoKeyHeader: 'x-api-key', headers: { 'anthropic-version': '2023-06-01' } },
  gemini: {},
  bedrock: {},
};

/** Of a provider whose API begins at the address itself. */
export function providerOptions(provider: Provider): Partial<OpenAiHttpOptions> {
  return { apiPath: '', isHosted: true, ...DIFFERENCES[provider] };
}
