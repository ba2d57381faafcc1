import { parseArgs } from 'node:util';
import { ExitError } from '../../config/exit-codes.ts';

export type ClusterOptions = {
  apis: number;
  workers: number;
  /** Of the address that is printed; 0: a free one. */
  port: number;
  nginx: boolean;
  /** Null: the workers load a model of their own. */
  inferenceUrl: string | null;
  /** Null: a temporary one. */
  folder: string | null;
  keep: boolean;
  /** Parts that end by themselves are started again. */
  restart: boolean;
  json: boolean;
};

export const CLUSTER_USAGE = `Usage: npm run cluster -- [OPTION …]

Starts from installed servers, on free ports of 127.0.0.1 and in a folder of its own: two PostgreSQL shards (the
first with a streaming replica), RabbitMQ, Redis for state and for cache, APIs, workers, and NGINX before them.
Ctrl-C takes all of it down.

  --apis N             API processes (2)
  --workers N          worker processes (2)
  --port P             port of the printed address; 0 takes a free one (8001)
  --no-nginx           no proxy: the printed address is that of the first API
  --inference-url URL  OpenAI-compatible server that answers; without it each worker loads a model of its own
  --folder DIR         keep everything in this folder, and go on with what is in it
  --keep               keep the temporary folder
  --no-restart         leave parts that end by themselves where they are
  --json               print one line of JSON with every address, pid and log path, and nothing else

Settings of the APIs and workers come from the environment: LOG_LEVEL=debug npm run cluster
`;

const MOST = 16;

/** Null: help was asked for. */
export function parseClusterOptions(args: readonly string[]): ClusterOptions | null {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new ExitError('usage', `${(error as Error).message.split('\n', 1)[0]} (see cluster --help)`);
  }
  if (values.help) return null;
  return {
    apis: count('apis', values.apis, 1, MOST),
    workers: count('workers', values.workers, 0, MOST),
    port: count('port', values.port, 0, 65_535),
    nginx: values.nginx,
    inferenceUrl: values['inference-url'] ?? null,
    folder: values.folder ?? null,
    keep: values.keep,
    restart: values.restart,
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      apis: { type: 'string', default: '2' },
      workers: { type: 'string', default: '2' },
      port: { type: 'string', default: '8001' },
      nginx: { type: 'boolean', default: true },
      'inference-url': { type: 'string' },
      folder: { type: 'string' },
      keep: { type: 'boolean', default: false },
      restart: { type: 'boolean', default: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}

function count(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new ExitError('usage', `--${name}: "${text}" is not a whole number from ${least} to ${most}`);
  }
  return value;
}
