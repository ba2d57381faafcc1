import { LlamaEngine } from '../adapters/llama/engine.ts';
import { CatalogueModels } from '../adapters/llama/local-models.ts';
import { JoinedInference } from '../adapters/pool/joined-inference.ts';
import type { EmbeddedConfig } from '../config/config.ts';
import { ENGINE_SLOTS } from '../config/inference-config.ts';
import type { Operator } from '../http/http.ts';
import { logger } from '../telemetry/logger.ts';
import { AddedEndpoints } from './added-endpoints.ts';
import type { OpenInference } from './opened-inference.ts';

/** The model that the server was started with, and beside it what its operator adds while it runs. */
export async function withAddedModels(
  base: OpenInference,
  config: EmbeddedConfig,
): Promise<OpenInference & Pick<Operator, 'endpoints' | 'localModels'>> {
  await using opening = new AsyncDisposableStack();
  const { engine } = config.added;
  const localModels = opening.use(
    await CatalogueModels.open({
      folder: engine.modelsDir,
      hub: engine.hub,
      inUse: base.modelPath ?? null,
      open: ({ path, id }) =>
        new LlamaEngine({
          modelPath: path,
          modelId: id,
          slots: Math.min(config.slots.total, ENGINE_SLOTS),
          paceMs: engine.paceMs,
          ...(engine.contextTokens !== null && { contextSize: engine.contextTokens }),
          ...(engine.threads !== null && { threads: engine.threads }),
          onEvent: (event) => logger().info(event.kind === 'ready' ? { model: id } : event, `model: ${event.kind}`),
        }),
    }),
  );
  const withLocal = new JoinedInference(base.inference, () => localModels.engines);
  const endpoints = opening.use(await AddedEndpoints.open(config, withLocal));
  const stack = opening.move();
  return {
    inference: new JoinedInference(withLocal, () => [endpoints.inference]),
    endpoints,
    localModels,
    get backend() {
      return base.backend;
    },
    describe: () => base.describe(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
