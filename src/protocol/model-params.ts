/**
 * What a caller may ask of a model beside its words: one vocabulary from the request to whoever answers it.
 * Absent fields take the model's own defaults. It is kept as JSON with the generation, so that a takeover
 * asks the same.
 */
export type ModelParams = Sampling & {
  /** Functions that the model may ask its caller to call. */
  tools?: readonly Tool[];
  /** Absent: `auto`. */
  toolChoice?: ToolChoice;
  /** False: at most one call in an answer. */
  parallelToolCalls?: boolean;
  responseFormat?: ResponseFormat;
  /** `completion`: the one message is text to go on with, and is put into no chat form. */
  form?: 'completion';
};

export type Sampling = {
  temperature?: number;
  topP?: number;
  /** The same seed and request give the same answer, as far as whoever answers can promise that. */
  seed?: number;
  /** The answer ends before the first of these texts, which is not part of it. */
  stop?: readonly string[];
  frequencyPenalty?: number;
  presencePenalty?: number;
};

/** What a model may have its own of. */
export type SamplingDefaults = Pick<Sampling, 'temperature' | 'topP' | 'frequencyPenalty' | 'presencePenalty'>;

export type JsonSchema = Readonly<Record<string, unknown>>;

export type Tool = {
  name: string;
  description?: string;
  /** Of the arguments; absent: none are taken. */
  parameters?: JsonSchema;
  strict?: boolean;
};

export type ToolChoice = 'none' | 'auto' | 'required' | { name: string };

export type ResponseFormat =
  | { kind: 'text' }
  | { kind: 'json' }
  | { kind: 'schema'; name: string; schema: JsonSchema; description?: string; strict?: boolean };

const NAMES = [
  'temperature',
  'topP',
  'seed',
  'stop',
  'frequencyPenalty',
  'presencePenalty',
  'tools',
  'toolChoice',
  'parallelToolCalls',
  'responseFormat',
  'form',
] as const satisfies (keyof ModelParams)[];

/** Only these fields of what holds more. */
export function modelParamsOf(params: ModelParams): ModelParams {
  return Object.fromEntries(NAMES.flatMap((name) => (params[name] === undefined ? [] : [[name, params[name]]])));
}

/** The answer must have a form that text written before cannot be checked against: it starts again, and never goes on. */
export function isConstrained({ tools, toolChoice, responseFormat }: ModelParams): boolean {
  const hasTools = tools !== undefined && tools.length > 0 && toolChoice !== 'none';
  return hasTools || (responseFormat !== undefined && responseFormat.kind !== 'text');
}
