import type { InferenceConfig } from '../config/inference-config.ts';
import type { OpenInference } from './opened-inference.ts';

/** What the configuration names: a catalogue, a server, or the embedded engine with its model fetched and loaded. */
export async function openInference(
  config: InferenceConfig,
  slots: number,
  signal: AbortSignal,
): Promise<OpenInference> {
  switch (config.kind) {
    case 'engine':
      return (await import('./local-model.ts')).openLocalModel(config.engine, slots, signal);
    case 'catalogue':
      return (await import('./open-catalogue.ts')).openCatalogue(config, slots, signal);
    case 'server':
      return (await import('./inference-server.ts')).openInferenceServer(config.server);
  }
}
