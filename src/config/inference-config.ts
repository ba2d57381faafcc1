import { join } from 'node:path';
import type { WithDefaults } from './defaults.ts';
import { type FileModel, type ModelsFile, readModelsFile } from './models-file.ts';
import type { Provider } from './models-file-schema.ts';
import type { INFERENCE_SERVERS } from './settings.ts';
import type { ModelChoice } from './value-types.ts';

export type InferenceConfig =
  /** `INFERENCE_URL` alone: the models that it lists. */
  | { kind: 'server'; server: InferenceServerConfig }
  /** A model on this machine. */
  | { kind: 'engine'; engine: EngineConfig }
  /** `MODELS_FILE`: servers, and a model on this machine, side by side. The first model is the default. */
  | { kind: 'catalogue'; models: readonly CatalogueModelConfig[]; engine: EngineConfig | null; file: CatalogueFile };

/** May be written anew while the process runs. */
export type CatalogueFile = {
  path: string;
  text: string;
  /** The models of another text of it, or all that is wrong with that. */
  read(text: string): { models: readonly CatalogueModelConfig[] } | { problems: readonly string[] };
};

export type InferenceServerConfig = {
  /** Null: it is no provider's. */
  kind: Provider | null;
  url: string;
  apiKey: string | null;
  /** Null: the first that the server lists. */
  model: string | null;
  api: (typeof INFERENCE_SERVERS)[number];
  sendsPriority: boolean;
  contextTokens: number;
  connectTimeoutMs: number;
  firstTokenTimeoutMs: number;
  idleTimeoutMs: number;
  totalTimeoutMs: number;
};

export type CatalogueModelConfig = Omit<FileModel, 'from'> & {
  /** The engine of this process, or servers that share its requests by their weights. */
  from: 'engine' | { servedAs: string; servers: readonly { server: InferenceServerConfig; weight: number }[] };
};

export type EngineConfig = {
  model: { kind: 'automatic' } | ModelChoice;
  modelsDir: string;
  /** Where models are fetched from. */
  hub: string;
  /** Null: from the model, and from the machine. */
  contextTokens: number | null;
  threads: number | null;
  paceMs: number;
};

/** A model on this machine's processor answers few at a time. */
export const ENGINE_SLOTS = 4;

/** A model runs in the process itself: an API would hold one for nothing. */
export function loadsModel(config: InferenceConfig): boolean {
  return config.kind === 'engine' || (config.kind === 'catalogue' && config.engine !== null);
}

type Place = {
  dataDir: string;
  absolute: (path: string) => string;
  file: ModelsFile | undefined;
};

export function asksEngineAlone(config: InferenceConfig): boolean {
  return (
    config.kind === 'engine' || (config.kind === 'catalogue' && config.models.every(({ from }) => from === 'engine'))
  );
}

export function inferenceOf(values: WithDefaults, place: Place, problems: string[]): InferenceConfig {
  const choice = values.MODEL ?? values.MODEL_NAME;
  if (values.INFERENCE_URL !== undefined) {
    const own = { kind: null, url: values.INFERENCE_URL, apiKey: values.INFERENCE_API_KEY ?? null };
    const server = serverOf(values, { ...own, model: choice === undefined ? null : asWritten(choice) });
    return { kind: 'server', server };
  }
  if (values.MODELS_FILE === undefined) return { kind: 'engine', engine: engineOf(values, choice, place) };
  const file = place.file ?? { path: values.MODELS_FILE, text: '', environment: {} };
  const listed = place.file ? readModelsFile(file, problems) : [];
  const local = engineModelOf(listed);
  const engine = local && engineOf(values, local, place);
  if (engine === null && listed.length > 0) refuseEngineSettings(values, problems);
  const modelsOf = (all: readonly FileModel[]) => all.map((model) => catalogueModel(values, model));
  const read = (text: string) => {
    const wrong: string[] = [];
    const next = readModelsFile({ ...file, text }, wrong);
    if (wrong.length === 0 && JSON.stringify(engineModelOf(next)) !== JSON.stringify(local)) {
      wrong.push(`MODELS_FILE (${file.path}): another \`engine\` is loaded at a start only`);
    }
    return wrong.length > 0 ? { problems: wrong } : { models: modelsOf(next) };
  };
  const { path, text } = file;
  return { kind: 'catalogue', models: modelsOf(listed), engine, file: { path: place.absolute(path), text, read } };
}

function engineModelOf(listed: readonly FileModel[]): EngineConfig['model'] | null {
  const local = listed.find(({ from }) => from.kind === 'engine');
  return local?.from.kind === 'engine' ? local.from.model : null;
}

function catalogueModel(values: WithDefaults, { from, ...model }: FileModel): CatalogueModelConfig {
  if (from.kind === 'engine') return { ...model, from: 'engine' };
  const servers = from.servers.map(({ weight, api, sendsPriority, ...own }) => ({
    weight,
    server: {
      ...serverOf(values, { ...own, model: null }),
      ...(api !== null && { api }),
      ...(sendsPriority !== null && { sendsPriority }),
    },
  }));
  return { ...model, from: { servedAs: from.servedAs, servers } };
}

function serverOf(
  values: WithDefaults,
  own: Pick<InferenceServerConfig, 'kind' | 'url' | 'apiKey' | 'model'>,
): InferenceServerConfig {
  return {
    ...own,
    api: values.INFERENCE_SERVER,
    sendsPriority: values.INFERENCE_PRIORITY === 'on',
    contextTokens: values.INFERENCE_CONTEXT_TOKENS,
    connectTimeoutMs: values.INFERENCE_CONNECT_TIMEOUT_MS,
    firstTokenTimeoutMs: values.INFERENCE_FIRST_TOKEN_TIMEOUT_MS,
    idleTimeoutMs: values.INFERENCE_IDLE_TIMEOUT_MS,
    totalTimeoutMs: values.INFERENCE_TOTAL_TIMEOUT_MS,
  };
}

function engineOf(
  values: WithDefaults,
  choice: EngineConfig['model'] | undefined,
  { dataDir, absolute }: Place,
): EngineConfig {
  return {
    model: choice?.kind === 'path' ? { kind: 'path', path: absolute(choice.path) } : (choice ?? { kind: 'automatic' }),
    modelsDir: values.MODELS_DIR === undefined ? join(dataDir, 'models') : absolute(values.MODELS_DIR),
    hub: values.MODEL_HUB,
    contextTokens: values.ENGINE_CONTEXT_TOKENS || null,
    threads: values.ENGINE_THREADS || null,
    paceMs: values.ENGINE_PACE_MS,
  };
}

/** What is added while the server runs is spoken to, and run, as the settings say. */
export type AddedConfig = {
  server: Omit<InferenceServerConfig, 'kind' | 'url' | 'apiKey' | 'api'>;
  engine: Omit<EngineConfig, 'model'>;
};

export function addedOf(values: WithDefaults, place: Place): AddedConfig {
  const server = serverOf(values, { kind: null, url: '', apiKey: null, model: null });
  return { server: { ...server, sendsPriority: false }, engine: engineOf(values, undefined, place) };
}

function refuseEngineSettings(values: WithDefaults, problems: string[]): void {
  if (values.MODELS_DIR !== undefined) problems.push('MODELS_DIR is of no use: MODELS_FILE has no model with `engine`');
}

/** A server's model may have any name. */
function asWritten(choice: ModelChoice): string {
  switch (choice.kind) {
    case 'path':
      return choice.path;
    case 'url':
      return choice.url;
    case 'catalogue':
      return choice.name;
  }
}
