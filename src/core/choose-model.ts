import type { Inference, ModelInfo } from '../ports/inference.ts';
import { ChatError } from '../protocol/errors.ts';

/** The model of that name, the default where none is named. Undefined while none is loaded. Throws `model_unknown`. */
export function chooseModel(inference: Inference, name: string | undefined): ModelInfo | undefined {
  const models = inference.models();
  const model = name === undefined ? models[0] : models.find(({ id }) => id === name);
  if (!model && models.length > 0)
    throw new ChatError('model_unknown', { details: { models: models.map(({ id }) => id) } });
  return model;
}
