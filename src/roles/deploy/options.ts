import { parseArgs } from 'node:util';
import { ExitError } from '../../config/exit-codes.ts';

export type DeployOptions = {
  /** A file of `deploy/models` by its name, the path of another, or where the weights are. */
  model: string;
  /** Null: as the model's file says. */
  quantization: string | null;
  replicas: { min: number; max: number } | null;
  loraPath: string | null;
  initDb: boolean;
  dryRun: boolean;
  route: string;
  /** Where Serve answers, from here. Null: the host of `RAY_ADDRESS`, at Serve's port. */
  serveUrl: URL | null;
  deadlineMs: number;
};

export const DEPLOY_USAGE = `Usage: npm start -- deploy --model MODEL [OPTION …]

Has a model served by Ray Serve and vLLM at RAY_ADDRESS, and waits until it answers. RAY_ADDRESS is ray://HOST:10001,
which means the dashboard of that host (http://HOST:8265), or the dashboard's own http:// address. A cluster that
wants a token gets RAY_AUTH_TOKEN. Other applications there stay as they are.

  --model MODEL        a name of deploy/models, a path to such a file (*.yaml), or where the weights are: a repository
                       of the hub, a folder on Ray's machines
  --quantization Q     awq, gptq, fp8 …: what vLLM knows
  --replicas MIN:MAX   how many replicas; Ray scales between the two by requests under way
  --lora PATH          folder of LoRA adapters in cloud storage (s3://, gs://, abfss://, azure://); asked for as
                       MODEL:ADAPTER
  --init-db            bring the databases of DATABASE_URLS up to date first
  --dry-run            only print the configuration, as \`serve deploy\` and a RayService take it
  --route PATH         path that it answers under (/)
  --serve-url URL      where Serve answers from here (the host of RAY_ADDRESS, port 8000); a cluster that does not run
                       Serve yet is told to listen there
  --timeout SECONDS    longest wait until it runs, downloads included (1800)
`;

const LONGEST_TIMEOUT_S = 86_400;
const MOST_REPLICAS = 10_000;

/** Null: help was asked for. */
export function parseDeployOptions(args: readonly string[]): DeployOptions | null {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw usage((error as Error).message.split('\n', 1)[0]!);
  }
  if (values.help) return null;
  if (!values.model) throw usage('--model is missing');
  return {
    model: values.model,
    quantization: values.quantization ?? null,
    replicas: values.replicas === undefined ? null : replicasOf(values.replicas),
    loraPath: values.lora ?? null,
    initDb: values['init-db'],
    dryRun: values['dry-run'],
    route: routeOf(values.route),
    serveUrl: values['serve-url'] === undefined ? null : serveUrlOf(values['serve-url']),
    deadlineMs: 1000 * count('timeout', values.timeout, LONGEST_TIMEOUT_S),
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      model: { type: 'string' },
      quantization: { type: 'string' },
      replicas: { type: 'string' },
      lora: { type: 'string' },
      'init-db': { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      route: { type: 'string', default: '/' },
      'serve-url': { type: 'string' },
      timeout: { type: 'string', default: '1800' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}

/** `2:8`, or `2` for exactly two. */
function replicasOf(text: string): { min: number; max: number } {
  const [, least, most = least] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? [];
  const [min, max] = [Number(least), Number(most)];
  if (!(max >= 1 && max >= min && max <= MOST_REPLICAS)) {
    throw usage(`--replicas: "${text}" is not MIN:MAX, such as 1:4`);
  }
  return { min, max };
}

function routeOf(text: string): string {
  if (/^\/([\w.-]+(\/[\w.-]+)*)?$/.test(text)) return text;
  throw usage(`--route: "${text}" is not a path, such as / or /llama`);
}

function serveUrlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.hash) return url;
  throw usage(`--serve-url: "${text}" is not an http:// or https:// address without a path`);
}

function count(name: string, text: string, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= most)) throw usage(`--${name}: "${text}" is not a whole number from 1 to ${most}`);
  return value;
}

function usage(problem: string): ExitError {
  return new ExitError('usage', `${problem} (see deploy --help)`);
}
