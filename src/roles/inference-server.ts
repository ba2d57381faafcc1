import { OpenAiHttpInference } from '../adapters/openai-http/inference.ts';
import { providerOptions } from '../adapters/openai-http/providers.ts';
import { PooledInference } from '../adapters/pool/inference.ts';
import type { InferenceServerConfig } from '../config/inference-config.ts';
import type { lookupEndpoint } from '../lib/endpoint-address.ts';
import type { OpenInference } from './opened-inference.ts';

/** It may be away: what is accepted then waits, and `/health` says so. */
export async function openInferenceServer(config: InferenceServerConfig): Promise<OpenInference> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(connectServer(config));
  const { host } = new URL(config.url);
  const inference = stack.use(new PooledInference({ models: { listedBy: { name: host, inference: server } } }));
  return {
    inference,
    backend: `the server at ${host}`,
    describe: () => inference.models()[0]?.title ?? 'no model yet',
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export function connectServer(config: InferenceServerConfig, lookup?: typeof lookupEndpoint): OpenAiHttpInference {
  return new OpenAiHttpInference({
    url: config.url,
    ...(config.apiKey !== null && { apiKey: config.apiKey }),
    ...(config.model !== null && { model: config.model }),
    contextWindow: config.contextTokens,
    continues: config.api === 'vllm',
    dialect: config.api,
    sendsPriority: config.sendsPriority,
    ...(config.kind !== null && providerOptions(config.kind)),
    ...(lookup && { lookup }),
    connectTimeoutMs: config.connectTimeoutMs,
    patience: {
      firstTokenMs: config.firstTokenTimeoutMs,
      idleMs: config.idleTimeoutMs,
      totalMs: config.totalTimeoutMs,
    },
  });
}
