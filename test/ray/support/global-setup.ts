import type { TestProject } from 'vitest/node';
import { rayEnvironment, type TestModels, testModels } from './python.ts';
import { type Ray, startRay } from './start-ray.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    environment: string;
    models: TestModels;
    ray: Ray;
  }
}

/** One cluster for all files: it takes longer to start than most of them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const environment = await rayEnvironment();
  const models = await testModels(environment);
  const { [Symbol.asyncDispose]: stop, ...ray } = await startRay(environment);
  project.provide('environment', environment);
  project.provide('models', models);
  project.provide('ray', ray);
  return async () => stop();
}
