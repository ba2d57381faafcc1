import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { nearestName } from '../../lib/nearest-name.ts';
import { reasonOf } from '../../lib/reason-of.ts';
import { QUANTIZATIONS } from './quantizations.ts';

const strict = { additionalProperties: false, default: {} };
const count = (value: number, least = 1) => Type.Integer({ minimum: least, maximum: 1_000_000, default: value });
const seconds = (value: number) => Type.Number({ minimum: 0, maximum: 86_400, default: value });
const text = { minLength: 1, maxLength: 500 };

/** Storage that Ray loads adapters from; it takes no folder of a machine. */
const ADAPTER_PATH = '^(s3|gs|abfss|azure)://.+';

const loraSchema = Type.Object(
  {
    /** Folder of adapter folders; one is asked for as `model: "base:adapter"`. */
    path: Type.String({ ...text, pattern: ADAPTER_PATH }),
    /** Adapters that a replica has loaded at once. */
    most: count(8),
    /** Largest rank of an adapter. */
    rank: count(32),
  },
  { additionalProperties: false },
);

const schema = Type.Object(
  {
    /** The name that requests use. */
    model: Type.String({ ...text, pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]*$' }),
    /** A repository of the hub, a folder on Ray's machines, or an address of cloud storage. */
    source: Type.String(text),
    quantization: Type.Optional(Type.String(text)),
    /** `gpu`: any; `cpu`; or a type by Ray's name (`L4`, `A100`, `H100` …). */
    accelerator: Type.String({ ...text, default: 'gpu' }),
    /** Accelerators that one replica spreads its weights over. */
    tensor_parallel: count(1),
    /** Of each GPU's memory, for weights and cache. */
    gpu_memory_share: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 0.9 }),
    /** Absent: the model's own. */
    context_tokens: Type.Optional(Type.Integer({ minimum: 128, maximum: 10_000_000 })),
    /** Per replica: how many to scale for, how many at once, and how many may wait beside them. */
    requests: Type.Object({ target: count(16), most: count(32), waiting: count(64) }, strict),
    replicas: Type.Object(
      { min: count(1, 0), max: count(1), upscale_delay_s: seconds(10), downscale_delay_s: seconds(600) },
      strict,
    ),
    /** How long a replica that is told to leave may finish its answers. */
    drain_s: seconds(120),
    lora: Type.Optional(loraSchema),
    /** Further arguments of vLLM's engine, by its names. */
    engine: Type.Record(Type.String(), Type.Unknown(), { default: {} }),
    /** Environment of replicas. */
    env: Type.Record(Type.String(), Type.String(), { default: {} }),
  },
  { additionalProperties: false },
);

/** A model as a team wants it served: `deploy/models/*.yaml`. Counts, seconds, tokens; requests are per replica. */
export type ModelDeployment = Static<typeof schema>;

/** What is wrong with a model's configuration, a line each. */
export class ModelDeploymentError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ModelDeploymentError';
    this.problems = problems;
  }
}

const validator = Compile(schema);

/** `where`: of the text, for messages. */
export function parseModelDeployment(yaml: string, where: string): ModelDeployment {
  let content: unknown;
  try {
    content = parse(yaml);
  } catch (error) {
    throw new ModelDeploymentError([`${where}: ${reasonOf(error).split('\n', 1)[0]}`]);
  }
  return checkModelDeployment(content, where);
}

/** Fills in defaults. Throws a ModelDeploymentError that names everything wrong. */
export function checkModelDeployment(content: unknown, where: string): ModelDeployment {
  const filled = Value.Default(schema, structuredClone(content));
  const problems = validator.Check(filled) ? contradictionsOf(filled) : schemaProblems(filled);
  if (problems.length > 0) throw new ModelDeploymentError(problems.map((problem) => `${where}: ${problem}`));
  return filled as ModelDeployment;
}

function schemaProblems(filled: unknown): string[] {
  return validator.Errors(filled).flatMap(({ keyword, message, instancePath, params }) => {
    const at = instancePath.slice(1).replaceAll('/', '.');
    const inside = (name: string) => (at ? `${at}.${name}` : name);
    if (keyword === 'boolean') return [];
    if (keyword === 'required') {
      const { requiredProperties } = params as { requiredProperties: string[] };
      return requiredProperties.map((name) => `${inside(name)} is missing`);
    }
    if (keyword === 'additionalProperties') {
      const { additionalProperties } = params as { additionalProperties: string[] };
      return additionalProperties.map((name) => `${inside(name)} is not known${suggestField(name)}`);
    }
    if (at === 'lora.path') return [LORA_PATH_EXPECTED];
    return [`${at || 'the content'} ${message}`];
  });
}

export const LORA_PATH_EXPECTED =
  'lora.path must begin with s3://, gs://, abfss:// or azure://: Ray loads adapters from there only (for a folder, serve them by vLLM itself, see docs/inference.md)';

function suggestField(name: string): string {
  const nested = [schema.properties.requests, schema.properties.replicas, loraSchema];
  const names = [schema, ...nested].flatMap(({ properties }) => Object.keys(properties));
  const nearest = nearestName(name, names);
  return nearest === null ? '' : `; did you mean ${nearest}?`;
}

function contradictionsOf({ requests, replicas, quantization }: ModelDeployment): string[] {
  const problems: string[] = [];
  if (replicas.min > replicas.max)
    problems.push(`replicas.min (${replicas.min}) must not exceed max (${replicas.max})`);
  if (requests.target > requests.most) {
    problems.push(`requests.target (${requests.target}) must not exceed most (${requests.most}): it would never scale`);
  }
  if (quantization !== undefined && !(QUANTIZATIONS as readonly string[]).includes(quantization)) {
    const nearest = nearestName(quantization, QUANTIZATIONS);
    const meant = nearest === null ? '' : `; did you mean ${nearest}?`;
    problems.push(`vLLM has no quantization "${quantization}"${meant} It has: ${QUANTIZATIONS.join(', ')}`);
  }
  return problems;
}
