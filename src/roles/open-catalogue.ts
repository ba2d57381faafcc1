import { PooledInference, type PooledModel } from '../adapters/pool/inference.ts';
import type { MemberOptions, Source } from '../adapters/pool/member.ts';
import {
  asksEngineAlone,
  type CatalogueModelConfig,
  ENGINE_SLOTS,
  type InferenceConfig,
} from '../config/inference-config.ts';
import type { ModelInfo } from '../ports/inference.ts';
import { connectServer } from './inference-server.ts';
import type { OpenInference } from './opened-inference.ts';

/** Of a model about which neither the file nor a server says more. */
const UNKNOWN = { contextWindow: 4096, tokensPerMessage: 8, defaultTemperature: 0.7 };

/** The models of a catalogue file: servers, and a model on this machine. Any of them may be away. */
export async function openCatalogue(
  config: Extract<InferenceConfig, { kind: 'catalogue' }>,
  slots: number,
  signal: AbortSignal,
): Promise<OpenInference> {
  const { models, engine } = config;
  const engineSlots = asksEngineAlone(config) ? slots : Math.min(slots, ENGINE_SLOTS);
  await using opening = new AsyncDisposableStack();
  const connect = sourcesOf(opening);
  const local =
    engine && opening.use(await (await import('./local-model.ts')).openLocalModel(engine, engineSlots, signal));
  const pooled = models.map((model): PooledModel => {
    const { from } = model;
    const members: MemberOptions[] =
      from === 'engine'
        ? [{ source: { name: 'engine', inference: local!.inference }, servedAs: null, weight: 1 }]
        : from.servers.map(({ server, weight }) => ({ source: connect(server), servedAs: from.servedAs, weight }));
    const { name, temperature } = model;
    return { id: name, members, temperature, describe: (listed) => describeModel(model, listed) };
  });
  const inference = opening.use(new PooledInference({ models: pooled }));
  const stack = opening.move();
  return {
    inference,
    backend: `a catalogue of ${models.length} models`,
    describe: () => models.map(({ title }) => title).join(', '),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Models that one server has share its connections. */
function sourcesOf(stack: AsyncDisposableStack) {
  const sources = new Map<string, Source>();
  return (config: Parameters<typeof connectServer>[0]): Source => {
    const { url, apiKey, api, sendsPriority } = config;
    const key = JSON.stringify([url, apiKey, api, sendsPriority]);
    const source = sources.get(key) ?? { name: new URL(url).host, inference: stack.use(connectServer(config)) };
    sources.set(key, source);
    return source;
  };
}

/** The file's word goes before a server's. */
function describeModel(model: CatalogueModelConfig, listed: ModelInfo | undefined): ModelInfo {
  const { from, capabilities } = model;
  const servers = from === 'engine' ? [] : from.servers.map(({ server }) => server);
  return {
    id: model.name,
    title: model.title,
    description: model.description || (listed?.description ?? ''),
    contextWindow: model.contextWindow ?? listed?.contextWindow ?? servers[0]?.contextTokens ?? UNKNOWN.contextWindow,
    continues: capabilities.continues ?? servers.every(({ api }) => api === 'vllm'),
    continuesReasoning: listed?.continuesReasoning ?? false,
    tokensPerMessage: listed?.tokensPerMessage ?? UNKNOWN.tokensPerMessage,
    systemPrompt: model.systemPrompt ?? listed?.systemPrompt ?? null,
    defaultTemperature: model.temperature ?? listed?.defaultTemperature ?? UNKNOWN.defaultTemperature,
    suggestions: model.suggestions.length > 0 ? model.suggestions : (listed?.suggestions ?? []),
    ...(model.price && { price: model.price }),
    ...(model.fallback !== null && { fallback: model.fallback }),
    capabilities: {
      tools: capabilities.tools,
      jsonSchema: capabilities.jsonSchema,
      reasoning: capabilities.reasoning,
    },
  };
}
