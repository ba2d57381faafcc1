import type { Inference } from '../ports/inference.ts';

/** A model to ask, wherever it runs. */
export interface OpenInference extends AsyncDisposable {
  readonly inference: Inference;
  /** The model in a few words, as it stands now. */
  describe(): string;
  /** Of the model that was loaded on this machine. */
  readonly modelPath?: string;
  /** What plays the part, for `/health`. */
  readonly backend: string;
}
