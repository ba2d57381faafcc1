import type { Llama, LlamaGrammar } from 'node-llama-cpp';
import type { InferenceRequest } from '../../ports/inference.ts';
import type { JsonSchema, Tool } from '../../protocol/model-params.ts';
import { callableTools } from './tool-prompt.ts';

/** The library's grammars end so, since no JSON holds it: whoever reads on stops there. */
export const JSON_END = '\n\n\n\n';

/** What an answer is held to. Null: nothing. `call`: from the moment on that it begins to call a function. */
export type Constraints = { whole: LlamaGrammar | null; call: LlamaGrammar | null; mustCall: boolean };

const FREE: Constraints = { whole: null, call: null, mustCall: false };

/** Rejects where a schema says what no grammar is made for. */
export async function constraintsOf(llama: Llama, request: InferenceRequest | EngineForm): Promise<Constraints> {
  const tools = callableTools(request);
  if (tools.length > 0) {
    const call = await grammarOf(llama, { anyOf: tools.map(callSchema) });
    const mustCall = request.toolChoice !== undefined && request.toolChoice !== 'auto';
    return { whole: mustCall ? call : null, call, mustCall };
  }
  const format = request.responseFormat;
  if (!format || format.kind === 'text') return FREE;
  const schema = format.kind === 'json' ? { type: 'object', additionalProperties: true } : format.schema;
  return { whole: await grammarOf(llama, schema), call: null, mustCall: false };
}

type EngineForm = Pick<InferenceRequest, 'tools' | 'toolChoice' | 'responseFormat'>;

function callSchema({ name, parameters }: Tool): JsonSchema {
  const none = { type: 'object', properties: {} };
  const { $defs, ...own } = (parameters ?? none) as JsonSchema & { $defs?: JsonSchema };
  return { type: 'object', properties: { name: { const: name }, arguments: own }, ...($defs && { $defs }) };
}

function grammarOf(llama: Llama, schema: JsonSchema): Promise<LlamaGrammar> {
  return llama.createGrammarForJsonSchema(supported(schema) as { type: 'object' });
}

/** A grammar that looked away from one of these would let through what the schema forbids. */
const UNSUPPORTED = ['allOf', 'not', 'if', 'patternProperties', 'dependentSchemas', 'dependentRequired', 'pattern'];
const DEEPEST = 64;

/** In the words that the library knows; it takes every property for required, which any schema allows. */
function supported(schema: unknown, depth = 0): JsonSchema {
  if (depth > DEEPEST) throw new Error(`the schema is nested deeper than ${DEEPEST}`);
  if (schema === null || typeof schema !== 'object') throw new Error('a schema must be an object');
  const given = schema as JsonSchema;
  const strange = UNSUPPORTED.find((word) => word in given);
  if (strange) throw new Error(`this model makes no JSON by \`${strange}\``);
  const within = (each: unknown) => supported(each, depth + 1);
  const each = (group: unknown) =>
    Object.fromEntries(Object.entries(group as object).map(([name, value]) => [name, within(value)]));
  const { anyOf, oneOf, properties, $defs, items, prefixItems, additionalProperties, ...rest } = given;
  const choices = oneOf ?? anyOf;
  return {
    ...rest,
    ...(properties !== undefined && { type: 'object', properties: each(properties) }),
    ...($defs !== undefined && { $defs: each($defs) }),
    ...(Array.isArray(choices) && { oneOf: choices.map(within) }),
    ...(items !== undefined && { items: within(items) }),
    ...(Array.isArray(prefixItems) && { prefixItems: prefixItems.map(within) }),
    ...(additionalProperties !== undefined && {
      additionalProperties:
        typeof additionalProperties === 'boolean' ? additionalProperties : within(additionalProperties),
    }),
  };
}
