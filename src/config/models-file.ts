import { Compile } from 'typebox/compile';
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { nearestName } from '../lib/nearest-name.ts';
import type { SamplingDefaults } from '../protocol/model-params.ts';
import { modelsFileSchema, PROVIDER_URLS, type Provider, type WrittenModel } from './models-file-schema.ts';
import { httpUrl, type ModelChoice, model as modelChoice } from './value-types.ts';

/** What `MODELS_FILE` names, and the variables that its `api_key_env` name. */
export type ModelsFile = { path: string; text: string; environment: Readonly<Record<string, string | undefined>> };

/** One model of the file. Null: the file leaves it open. */
export type FileModel = {
  name: string;
  title: string;
  description: string;
  contextWindow: number | null;
  price: { prompt: number; cached: number; completion: number } | null;
  fallback: string | null;
  /** Names of those that may use it; null: all. */
  workspaces: readonly string[] | null;
  capabilities: { continues: boolean | null; tools: boolean; jsonSchema: boolean; reasoning: boolean };
  systemPrompt: string | null;
  sampling: SamplingDefaults;
  suggestions: readonly string[];
  from:
    | { kind: 'engine'; model: { kind: 'automatic' } | ModelChoice }
    | { kind: 'servers'; servedAs: string; servers: readonly FileServer[] };
};

export type FileServer = {
  /** Null: it is no provider's. */
  kind: Provider | null;
  url: string;
  apiKey: string | null;
  weight: number;
  api: 'vllm' | 'openai' | null;
  sendsPriority: boolean | null;
};

type WrittenServer = NonNullable<WrittenModel['servers']>[number];
type Path = readonly (string | number)[];
type Check = { file: ModelsFile; refuse: (path: Path, problem: string) => void };

const AUTOMATIC = 'automatic';
const validator = Compile(modelsFileSchema);

/** The models in the file's order. What is wrong goes to `problems`, each with its line; the list is then short. */
export function readModelsFile(file: ModelsFile, problems: string[]): readonly FileModel[] {
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines });
  const told = (line: number, problem: string) => problems.push(`MODELS_FILE (${file.path}, line ${line}): ${problem}`);
  for (const { pos, message } of document.errors) told(lines.linePos(pos[0]).line, message.split('\n')[0]!);
  if (document.errors.length > 0) return [];
  const refuse: Check['refuse'] = (path, problem) => told(lineOf(document, lines, path), `${nameOf(path)} ${problem}`);
  const content: unknown = document.toJS();
  if (!validator.Check(content)) {
    for (const { path, problem } of describe(content)) refuse(path, problem);
    return [];
  }
  const { models } = content;
  checkTogether(models, refuse);
  return models.flatMap((written, index) => readModel(written, ['models', index], { file, refuse }) ?? []);
}

function readModel(written: WrittenModel, at: Path, check: Check): FileModel | null {
  const from = readSource(written, at, check);
  const { name, title, description, price, capabilities } = written;
  return (
    from && {
      name,
      title: title ?? name,
      description: description ?? '',
      contextWindow: written.context_window ?? null,
      price: price ? { ...price, cached: price.cached ?? price.prompt } : null,
      fallback: written.fallback ?? null,
      workspaces: written.workspaces ?? null,
      capabilities: {
        continues: capabilities?.continues ?? null,
        tools: capabilities?.tools ?? true,
        jsonSchema: capabilities?.json_schema ?? true,
        reasoning: capabilities?.reasoning ?? false,
      },
      systemPrompt: written.system_prompt ?? null,
      sampling: samplingOf(written),
      suggestions: written.suggestions ?? [],
      from,
    }
  );
}

function samplingOf({ temperature, top_p, frequency_penalty, presence_penalty }: WrittenModel): SamplingDefaults {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(frequency_penalty !== undefined && { frequencyPenalty: frequency_penalty }),
    ...(presence_penalty !== undefined && { presencePenalty: presence_penalty }),
  };
}

function readSource(written: WrittenModel, at: Path, check: Check): FileModel['from'] | null {
  const { engine, servers, served_as } = written;
  if ((engine === undefined) === (servers === undefined)) {
    check.refuse(at, 'needs either `servers` or `engine`');
    return null;
  }
  if (servers !== undefined) {
    const read = servers.map((server, index) => readServer(server, [...at, 'servers', index], check));
    return { kind: 'servers', servedAs: served_as ?? written.name, servers: read };
  }
  if (served_as !== undefined) check.refuse([...at, 'served_as'], 'is of no use with `engine`');
  const model = engine === AUTOMATIC ? ({ kind: AUTOMATIC } as const) : modelChoice.parse(engine!);
  if (!model) check.refuse([...at, 'engine'], `is not \`${AUTOMATIC}\`, ${modelChoice.expected}`);
  return model ? { kind: 'engine', model } : null;
}

function readServer(written: WrittenServer, at: Path, check: Check): FileServer {
  const url = readUrl(written, at, check);
  const variable = written.api_key_env;
  const apiKey = variable === undefined ? null : check.file.environment[variable] || null;
  if (variable !== undefined && apiKey === null) {
    check.refuse([...at, 'api_key_env'], `names ${variable}, which is not set in the environment`);
  }
  return {
    kind: written.kind ?? null,
    url,
    apiKey,
    weight: written.weight ?? 1,
    api: written.kind ? 'openai' : (written.api ?? null),
    sendsPriority: written.kind ? false : (written.priority ?? null),
  };
}

function readUrl({ url, kind, api, priority }: WrittenServer, at: Path, { refuse }: Check): string {
  if (kind !== undefined && (api !== undefined || priority !== undefined)) {
    refuse([...at, 'kind'], 'says what `api` and `priority` say');
  }
  const given = url ?? (kind && PROVIDER_URLS[kind]);
  if (!given) refuse(at, kind ? `lacks \`url\`: ${kind} gives each customer an address` : 'lacks `url`');
  const parsed = given && httpUrl.parse(given);
  if (given && !parsed) refuse([...at, 'url'], `is not ${httpUrl.expected}`);
  return parsed || '';
}

/** What each model by itself cannot show. */
function checkTogether(models: readonly WrittenModel[], refuse: Check['refuse']): void {
  const names = models.map(({ name }) => name);
  let engines = 0;
  for (const [index, { name, engine, fallback, servers, workspaces }] of models.entries()) {
    const at = ['models', index] as const;
    if (names.indexOf(name) !== index) refuse([...at, 'name'], `has ${name}, which is there twice`);
    if (engine !== undefined && ++engines > 1) refuse([...at, 'engine'], 'is a second one: a process loads one model');
    const urls = (servers ?? []).map(({ url, kind }) => url ?? (kind && PROVIDER_URLS[kind]));
    for (const [place, url] of urls.entries()) {
      if (url && urls.indexOf(url) !== place) refuse([...at, 'servers', place, 'url'], 'is there twice');
    }
    if (index === 0 && workspaces) refuse([...at, 'workspaces'], 'cannot be: the first model is what everybody gets');
    if (fallback === undefined) continue;
    if (!names.includes(fallback)) {
      const near = nearestName(fallback, names);
      refuse(
        [...at, 'fallback'],
        `names ${fallback}, which is no model here${near === null ? '' : `; did you mean ${near}?`}`,
      );
    } else if (leadsBack(models, name)) refuse([...at, 'fallback'], `leads back to ${name}`);
    else if (!mayAllUse(models.find((each) => each.name === fallback)!, workspaces)) {
      refuse([...at, 'fallback'], `names ${fallback}, which not all may use who may use ${name}`);
    }
  }
}

function mayAllUse(model: WrittenModel, who: readonly string[] | undefined): boolean {
  return !model.workspaces || (who?.every((name) => model.workspaces!.includes(name)) ?? false);
}

function leadsBack(models: readonly WrittenModel[], name: string): boolean {
  const next = (from: string) => models.find((each) => each.name === from)?.fallback;
  let at = next(name);
  for (let step = 0; at !== undefined && step < models.length; step++) {
    if (at === name) return true;
    at = next(at);
  }
  return false;
}

function describe(content: unknown): { path: Path; problem: string }[] {
  return validator.Errors(content).flatMap(({ keyword, message, instancePath, params }) => {
    const path = instancePath
      .split('/')
      .slice(1)
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    const { requiredProperties, additionalProperties, allowedValues } = params as Record<string, string[]>;
    if (keyword === 'boolean') return [];
    if (keyword === 'required') return requiredProperties!.map((name) => ({ path, problem: `lacks \`${name}\`` }));
    if (keyword === 'additionalProperties') {
      return additionalProperties!.map((name) => ({ path: [...path, name], problem: 'is not known' }));
    }
    return [{ path, problem: keyword === 'enum' ? `must be one of ${allowedValues!.join(', ')}` : message }];
  });
}

/** Of the key where it has one, else of whatever holds it. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const name = path[length - 1]!;
    const pair = isMap(parent) ? parent.items.find(({ key }) => String(key) === String(name)) : undefined;
    const node = pair ? pair.key : document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** `models[1].servers[0].url`. */
function nameOf(path: Path): string {
  const name = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
  return name.slice(1) || 'the file';
}
