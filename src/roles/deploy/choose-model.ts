import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  checkModelDeployment,
  type ModelDeployment,
  ModelDeploymentError,
  parseModelDeployment,
} from '../../adapters/ray/model-deployment.ts';
import { ExitError } from '../../config/exit-codes.ts';
import { nearestName } from '../../lib/nearest-name.ts';
import type { DeployOptions } from './options.ts';

const FOLDER = fileURLToPath(new URL('../../../deploy/models', import.meta.url));
const ENDING = '.yaml';

/** What the options ask for, checked; everything wrong with it is said at once. */
export function chooseModel(options: DeployOptions): ModelDeployment {
  try {
    const model = findModel(options.model);
    const { quantization, replicas, loraPath } = options;
    const asked = {
      ...model,
      ...(quantization !== null && { quantization }),
      ...(replicas && { replicas: { ...model.replicas, ...replicas } }),
      ...(loraPath !== null && { lora: { ...model.lora, path: loraPath } }),
    };
    return checkModelDeployment(asked, options.model);
  } catch (error) {
    if (error instanceof ModelDeploymentError) throw new ExitError('usage', error.message, { cause: error });
    throw error;
  }
}

function findModel(asked: string): ModelDeployment {
  if (/\.ya?ml$/i.test(asked)) return readModel(asked);
  const names = readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length));
  if (names.includes(asked)) return readModel(join(FOLDER, asked + ENDING));
  if (!asked.includes('/')) {
    const nearest = nearestName(asked, names);
    const meant = nearest === null ? '' : `did you mean ${nearest}? `;
    throw new ExitError('usage', `${asked}: no such model; ${meant}deploy/models has ${names.join(', ')}`);
  }
  // A repository that somebody has sized already is served as they did.
  const sized = names.map((name) => readModel(join(FOLDER, name + ENDING))).find(({ source }) => source === asked);
  return sized ?? checkModelDeployment({ model: nameOfSource(asked), source: asked }, asked);
}

function nameOfSource(source: string): string {
  const name = source.replace(/\/+$/, '').split('/').at(-1)!;
  return name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
}

function readModel(path: string): ModelDeployment {
  if (!existsSync(path)) throw new ExitError('usage', `${path}: there is no such file`);
  return parseModelDeployment(readFileSync(path, 'utf8'), path);
}
