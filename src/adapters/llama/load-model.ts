import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import {
  getLlama,
  InsufficientMemoryError,
  type Llama,
  type LlamaContext,
  type LlamaContextSequence,
  LlamaLogLevel,
  type LlamaModel,
} from 'node-llama-cpp';
import { expectedBytes, readGgufHeader } from '../../lib/gguf.ts';
import type { ModelInfo } from '../../ports/inference.ts';
import { type CatalogueEntry, recogniseModel, type Sampling, UNKNOWN_MODEL } from './catalogue.ts';
import { type ChatForm, chatFormOf } from './chat-form.ts';
import type { EngineOptions, LoadFailure } from './engine-messages.ts';

export class LoadError extends Error {
  readonly reason: LoadFailure;

  constructor(reason: LoadFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LoadError';
    this.reason = reason;
  }
}

export type LoadedModel = {
  llama: Llama;
  model: LlamaModel;
  sequences: readonly LlamaContextSequence[];
  contextSize: number;
  form: ChatForm;
  sampling: Sampling;
  info: ModelInfo;
  threads: Threads;
  /** Prompt tokens a second, from a first short prompt. */
  prefillRate: number;
};

/** Writing is bound by memory and leaves a core to the server; reading prompts gains from all, if they are free. */
export type Threads = { decode: number; prefill: number };

/** Room in one step for the largest prefill and a token of every neighbour. */
const BATCH_TOKENS = 512;
const MIN_CONTEXT = 2048;
const WARM_UP = 'Warm up: read a little, then write one word of an answer, so that readiness is no mere hope. '.repeat(
  3,
);

export async function loadModel(
  options: EngineOptions,
  log: (level: 'warn' | 'error', message: string) => void,
): Promise<LoadedModel> {
  await checkFile(options.modelPath);
  try {
    const llama = await getLlama({
      gpu: false,
      build: 'never',
      skipDownload: true,
      maxThreads: 1,
      logLevel: LlamaLogLevel.warn,
      logger: (level, message) => log(level === LlamaLogLevel.warn ? 'warn' : 'error', message.trim()),
    });
    const threads = chooseThreads(availableParallelism(), llama.cpuMathCores, options.threads);
    const model = await llama.loadModel({ modelPath: options.modelPath, gpuLayers: 0 });
    const entry = recogniseModel(nameOf(model, options.modelPath));
    // A context never uses more threads than were allowed when it was made.
    llama.maxThreads = threads.prefill;
    const context = await createContext(model, entry, options, threads);
    llama.maxThreads = threads.decode;
    const sequences = Array.from({ length: options.slots }, () => context.getSequence());
    const form = chatFormOf(model);
    const sampling = samplingOf(model, entry?.sampling ?? UNKNOWN_MODEL.sampling);
    const prefillRate = await warmUp(model, sequences[0]!);
    return {
      llama,
      model,
      sequences,
      contextSize: context.contextSize,
      form,
      sampling,
      info: describe(model, entry, { contextWindow: context.contextSize, form, sampling }, options),
      threads,
      prefillRate,
    };
  } catch (error) {
    throw asLoadError(error, options.modelPath);
  }
}

/** A core is left to the server, except where somebody has decided otherwise. */
export function chooseThreads(available: number, useful: number, wanted: number | null): Threads {
  const most = Math.max(1, Math.min(available, useful > 0 ? useful : available));
  const decode = wanted ?? Math.max(1, Math.min(most, available - 1));
  return { decode, prefill: Math.max(decode, most) };
}

async function checkFile(path: string): Promise<void> {
  const file = await stat(path).catch((cause: unknown) => {
    throw new LoadError('missing', `The model file ${path} cannot be read.`, { cause });
  });
  if (!file.isFile()) throw new LoadError('missing', `${path} is not a file.`);
  try {
    const header = await readGgufHeader(path);
    const expected = expectedBytes(header);
    if (expected !== null && header.fileBytes < expected) {
      throw new Error(`It has ${header.fileBytes} of at least ${expected} bytes.`);
    }
  } catch (cause) {
    throw new LoadError('broken', `The model file ${path} is broken: ${(cause as Error).message}`, { cause });
  }
}

function createContext(
  model: LlamaModel,
  entry: CatalogueEntry | null,
  options: EngineOptions,
  threads: Threads,
): Promise<LlamaContext> {
  const wanted = options.contextSize ?? entry?.contextSize ?? UNKNOWN_MODEL.contextSize;
  const max = Math.min(wanted, model.trainContextSize);
  return model.createContext({
    sequences: options.slots,
    // Smaller where memory is short; a number that was asked for is kept to.
    contextSize: options.contextSize === null ? { min: Math.min(MIN_CONTEXT, max), max } : max,
    batchSize: BATCH_TOKENS,
    threads: threads.prefill,
    // A sliding window would have to be read again from its start after every change of the prompt's end.
    swaFullCache: true,
  });
}

async function warmUp(model: LlamaModel, sequence: LlamaContextSequence): Promise<number> {
  const tokens = model.tokenize(WARM_UP).slice(0, 48);
  const began = performance.now();
  const generator = sequence.evaluate(tokens, { yieldEogToken: true });
  await generator.next();
  const seconds = (performance.now() - began) / 1000;
  await generator.return();
  await sequence.clearHistory();
  return tokens.length / seconds;
}

function describe(
  model: LlamaModel,
  entry: CatalogueEntry | null,
  { contextWindow, form, sampling }: { contextWindow: number; form: ChatForm; sampling: Sampling },
  options: EngineOptions,
): ModelInfo {
  const fileName = basename(options.modelPath).replace(/\.gguf$/i, '');
  const known = entry ?? UNKNOWN_MODEL;
  return {
    id: options.modelId ?? entry?.id ?? fileName.toLowerCase(),
    title: entry?.title ?? model.fileInfo.metadata.general?.name ?? fileName,
    description: known.description,
    contextWindow,
    continues: true,
    continuesReasoning: true,
    tokensPerMessage: form.tokensPerMessage,
    systemPrompt: known.systemPrompt,
    defaultTemperature: sampling.temperature,
    suggestions: known.suggestions,
    staysHere: true,
  };
}

/** Files may carry their maker's own settings (`general.sampling.*`). */
function samplingOf(model: LlamaModel, known: Sampling): Sampling {
  const general: object = model.fileInfo.metadata.general ?? {};
  const own = ('sampling' in general ? general.sampling : {}) as Record<string, unknown>;
  const number = (key: string, otherwise: number) => (typeof own[key] === 'number' ? own[key] : otherwise);
  return {
    temperature: number('temp', known.temperature),
    topP: number('top_p', known.topP),
    topK: number('top_k', known.topK),
    minP: number('min_p', known.minP),
    repeatPenalty: {
      penalty: number('penalty_repeat', known.repeatPenalty.penalty),
      window: number('penalty_last_n', known.repeatPenalty.window),
    },
  };
}

function nameOf(model: LlamaModel, path: string): string {
  return `${model.fileInfo.metadata.general?.name ?? ''}\n${basename(path)}`;
}

function asLoadError(error: unknown, path: string): LoadError {
  if (error instanceof LoadError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InsufficientMemoryError || /memory|alloc/i.test(message)) {
    return new LoadError('memory', `There is not enough memory for the model ${basename(path)}: ${message}`, {
      cause: error,
    });
  }
  if (/load model|gguf|tensor|architecture|vocab/i.test(message)) {
    return new LoadError('broken', `The model file ${path} cannot be loaded: ${message}`, { cause: error });
  }
  return new LoadError('engine', message, { cause: error });
}
