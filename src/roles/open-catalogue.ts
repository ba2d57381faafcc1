import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PooledInference, type PooledModel } from '../adapters/pool/inference.ts';
import type { MemberOptions } from '../adapters/pool/member.ts';
import {
  asksEngineAlone,
  type CatalogueFile,
  type CatalogueModelConfig,
  ENGINE_SLOTS,
  type InferenceConfig,
} from '../config/inference-config.ts';
import { isLoopbackUrl } from '../lib/private-address.ts';
import type { ModelInfo } from '../ports/inference.ts';
import { catalogueRead } from '../telemetry/events.ts';
import { CatalogueServers } from './catalogue-servers.ts';
import type { OpenInference } from './opened-inference.ts';

/** Of a model about which neither the file nor a server says more. */
const UNKNOWN = { contextWindow: 4096, tokensPerMessage: 8, defaultTemperature: 0.7 };

/** Milliseconds between two looks at the file. A mounted one is replaced in ways that nobody is told of. */
const LOOK_EVERY_MS = 2000;

/** The models of a catalogue file: servers, and a model on this machine. Any of them may be away. */
export async function openCatalogue(
  config: Extract<InferenceConfig, { kind: 'catalogue' }>,
  slots: number,
  signal: AbortSignal,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<OpenInference> {
  const { engine, file } = config;
  const engineSlots = asksEngineAlone(config) ? slots : Math.min(slots, ENGINE_SLOTS);
  await using opening = new AsyncDisposableStack();
  const servers = opening.use(new CatalogueServers());
  const local =
    engine && opening.use(await (await import('./local-model.ts')).openLocalModel(engine, engineSlots, signal));
  const engineSource = local && { name: 'engine', inference: local.inference };
  const pooled = (model: CatalogueModelConfig): PooledModel => {
    const { from } = model;
    const members: MemberOptions[] =
      from === 'engine'
        ? [{ source: engineSource!, servedAs: null, weight: 1 }]
        : from.servers.map(({ server, weight }) => ({
            source: servers.connect(server),
            servedAs: from.servedAs,
            weight,
          }));
    const { name, sampling } = model;
    return { id: name, members, sampling, describe: (listed) => describeModel(model, listed) };
  };
  let { models } = config;
  const inference = opening.use(new PooledInference({ models: models.map(pooled) }));
  const watching = new AbortController();
  opening.defer(() => watching.abort());
  void followFile(file, lookEveryMs, watching.signal, (next) => {
    models = next;
    const all = models.map(pooled);
    inference.replace(all);
    servers.keep(new Set(all.flatMap(({ members }) => members.map(({ source }) => source))));
  });
  const stack = opening.move();
  return {
    inference,
    get backend() {
      return `a catalogue of ${models.length} models`;
    },
    ...(local?.modelPath !== undefined && { modelPath: local.modelPath }),
    describe: () => models.map(({ title }) => title).join(', '),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Whenever its text is another that can be taken, until aborted; what cannot be taken is told once. */
async function followFile(
  { path, text, read }: CatalogueFile,
  everyMs: number,
  signal: AbortSignal,
  take: (models: readonly CatalogueModelConfig[]) => void,
): Promise<void> {
  let last = text;
  for (;;) {
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    // Not there for a moment while it is replaced.
    const now = await readFile(path, 'utf8').catch(() => last);
    if (now === last) continue;
    last = now;
    const outcome = read(now);
    if ('models' in outcome) take(outcome.models);
    catalogueRead('models' in outcome ? { models: outcome.models.length } : { problems: outcome.problems });
  }
}

/** The file's word goes before a server's. */
export function describeModel(model: CatalogueModelConfig, listed: ModelInfo | undefined): ModelInfo {
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
    defaultTemperature: model.sampling.temperature ?? listed?.defaultTemperature ?? UNKNOWN.defaultTemperature,
    suggestions: model.suggestions.length > 0 ? model.suggestions : (listed?.suggestions ?? []),
    staysHere: servers.every(({ url }) => isLoopbackUrl(url)),
    ...(model.price && { price: model.price }),
    ...(model.fallback !== null && { fallback: model.fallback }),
    ...(model.workspaces !== null && { workspaces: model.workspaces }),
    capabilities: {
      tools: capabilities.tools,
      jsonSchema: capabilities.jsonSchema,
      reasoning: capabilities.reasoning,
    },
  };
}
