import type { Inference, ModelInfo } from '../ports/inference.ts';
import { ChatError } from '../protocol/errors.ts';

/** Those that a workspace may use, the default first. Of others it hears nothing. */
export function modelsFor({ name }: { name: string }, inference: Inference): readonly ModelInfo[] {
  return inference.models().filter(({ workspaces }) => workspaces?.includes(name) ?? true);
}

/** The model of that name, the default where none is named. Undefined while none is loaded. Throws `model_unknown`. */
export function chooseModel(
  inference: Inference,
  workspace: { name: string },
  name: string | undefined,
): ModelInfo | undefined {
  const models = modelsFor(workspace, inference);
  const model = name === undefined ? models[0] : models.find(({ id }) => id === name);
  if (!model && models.length > 0) {
    throw new ChatError('model_unknown', { details: { models: models.map(({ id }) => id) } });
  }
  return model;
}
