import { basename } from 'node:path';
import { LlamaEngine } from '../adapters/llama/engine.ts';
import { ModelSourceError, type ResolvedModel, resolveModel } from '../adapters/llama/model-source.ts';
import type { EngineConfig } from '../config/inference-config.ts';
import { type Inference, InferenceError } from '../ports/inference.ts';
import { logger } from '../telemetry/logger.ts';
import type { OpenInference } from './opened-inference.ts';
import { showModelProgress } from './show-model-progress.ts';

const BACKEND = 'llama.cpp in a child process';
/** How long the start waits for a model that loads; it goes on loading after that. */
const LOAD_PATIENCE_MS = 30_000;

/**
 * The model that the configuration asks for: fetched where it is missing, loaded in a child. One that cannot
 * be had is told, and the server runs without: what is accepted waits, and `/health` says why.
 */
export async function openLocalModel(config: EngineConfig, slots: number, signal: AbortSignal): Promise<OpenInference> {
  try {
    return await load(config, slots, await fetchModel(config, signal), signal);
  } catch (error) {
    if (!(error instanceof ModelSourceError)) throw error;
    process.stderr.write(`${error.message}\n`);
    const reason = error.message.split('\n')[0]!;
    return {
      inference: withoutModel(reason),
      describe: () => `none: ${reason}`,
      backend: BACKEND,
      async [Symbol.asyncDispose]() {},
    };
  }
}

async function fetchModel(config: EngineConfig, signal: AbortSignal): Promise<ResolvedModel> {
  const progress = showModelProgress();
  const setting = settingOf(config.model);
  try {
    return await resolveModel({
      folder: config.modelsDir,
      hub: config.hub,
      onProgress: progress.show,
      signal,
      ...(setting !== null && { setting }),
    });
  } finally {
    progress.end();
  }
}

function settingOf(model: EngineConfig['model']): string | null {
  switch (model.kind) {
    case 'automatic':
      return null;
    case 'path':
      return model.path;
    case 'url':
      return model.url;
    case 'catalogue':
      return model.name.toLowerCase();
  }
}

async function load(
  { contextTokens, threads, paceMs }: EngineConfig,
  slots: number,
  { path, id }: ResolvedModel,
  signal: AbortSignal,
): Promise<OpenInference> {
  const engine = new LlamaEngine({
    modelPath: path,
    slots,
    paceMs,
    ...(id !== null && { modelId: id }),
    ...(contextTokens !== null && { contextSize: contextTokens }),
    ...(threads !== null && { threads }),
    onEvent: (event) => {
      if (event.kind === 'ready') logger().info({ model: event.model.id, ms: event.loadMs }, 'model ready');
      else logger().warn(event, `model: ${event.kind}`);
    },
  });
  await engine.ready(AbortSignal.any([signal, AbortSignal.timeout(LOAD_PATIENCE_MS)])).catch(() => {
    signal.throwIfAborted();
  });
  return {
    inference: engine,
    describe: () => engine.models()[0]?.title ?? `none yet: ${basename(path)} is not loaded, /health says why`,
    backend: BACKEND,
    modelPath: path,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

function withoutModel(reason: string): Inference {
  const unavailable = async () => {
    throw new InferenceError('unavailable', reason);
  };
  return {
    models: () => [],
    generate: unavailable,
    countTokens: unavailable,
    health: async () => ({ status: 'down', detail: reason }),
  };
}
