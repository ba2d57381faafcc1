import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeTinyModel } from '../../scripts/make-tiny-model.ts';

const CACHE = new URL('../../.cache/models/', import.meta.url);

/** Path of the tiny random model; written once. The number in its name changes with the script that makes it. */
export async function tinyModelPath(seed = 1): Promise<string> {
  return await written(`tiny-v3-${seed}.gguf`, seed, true);
}

/** One that writes on until it has the tokens that were asked for. */
export async function endlessModelPath(): Promise<string> {
  return await written('tiny-v3-endless.gguf', 1, false);
}

async function written(name: string, seed: number, ends: boolean): Promise<string> {
  const path = fileURLToPath(new URL(name, CACHE));
  if (!existsSync(path)) await writeTinyModel(path, seed, ends);
  return path;
}
