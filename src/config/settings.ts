import { LOG_FORMATS, LOG_LEVELS } from '../telemetry/logger.ts';
import { DISTRIBUTED_SETTINGS } from './distributed-settings.ts';
import { define, type Setting } from './setting.ts';
import {
  apiKeys,
  host,
  httpUrl,
  integer,
  milliseconds,
  model,
  networks,
  oneOf,
  origin,
  path,
  seconds,
  secret,
  type ValueType,
} from './value-types.ts';

export const ANSWER_CACHES = ['off', 'deterministic', 'all'] as const;
export const INFERENCE_SERVERS = ['vllm', 'openai'] as const;

/** Every setting there is. */
export const SETTINGS = {
  PORT: define('basics', integer(0, 65535), {
    default: '8001',
    description: 'Port of the page and the API. 0 takes a free one and prints it.',
  }),
  HOST: define('basics', host, {
    default: '127.0.0.1',
    description: 'Address to listen on. One that other machines can reach needs `API_KEYS`.',
    example: '0.0.0.0',
  }),
  PUBLIC_URL: define('basics', origin, {
    otherwise: 'the address listened on',
    description:
      'Address under which people reach the server, where that is another one (a proxy). One that is not this machine needs `API_KEYS`, and everybody signs in.',
    example: 'https://chat.example.org',
  }),
  DATA_DIR: define('basics', path, {
    default: './data',
    description: 'Folder of everything kept: conversations, answers being written, keys, models.',
  }),
  API_KEYS: define('basics', apiKeys, {
    otherwise: 'one is made and kept in the data folder',
    description:
      'Keys for the header `X-API-Key`, separated by commas: `key`, or `workspace:key`. Workspaces never see each other.',
    example: 'acme:0f3kq8w1z7m2c9x4v6b5',
    secret: true,
  }),
  MODEL: define('basics', model, {
    otherwise: 'the best that can be had here',
    description:
      'The model that answers: a path to a GGUF file, a URL of one, or a name from the catalogue. With `INFERENCE_URL`, its name there.',
    example: './models/my-model.gguf',
  }),
  MODEL_NAME: define('basics', model, {
    otherwise: '`MODEL`',
    description: 'Another name for `MODEL`; only one of the two may be set.',
    example: 'Qwen/Qwen2.5-7B-Instruct-AWQ',
  }),
  INFERENCE_URL: define('basics', httpUrl, {
    otherwise: 'the embedded engine answers',
    description:
      'OpenAI-compatible server that answers (vLLM, Ray Serve LLM, llama-server …). No model is fetched or loaded here then.',
    example: 'http://10.0.0.5:8000/v1',
  }),
  INFERENCE_API_KEY: define('basics', secret, {
    otherwise: 'none is sent',
    description: 'Key for `INFERENCE_URL`, sent as a bearer token.',
    secret: true,
  }),
  MODELS_FILE: define('basics', path, {
    otherwise: 'one server, or one model on this machine',
    description:
      'A catalogue of models in YAML, instead of `INFERENCE_URL` and `MODEL`: servers with their keys, weights, prices and lighter stand-ins, and a model on this machine, side by side. `docs/concepts/models.md` describes it.',
    example: './models.yaml',
  }),
  MODELS_DIR: define('basics', path, {
    otherwise: '`DATA_DIR`/models',
    description: 'Folder of downloaded models.',
  }),
  MODEL_HUB: define('basics', httpUrl, {
    default: 'https://huggingface.co',
    description: 'Where the known models are fetched from: the model hub, or a mirror of it.',
  }),
  LOG_LEVEL: define('basics', oneOf(LOG_LEVELS), { default: 'info', description: 'Least severe line that is logged.' }),
  LOG_FORMAT: define('basics', oneOf(LOG_FORMATS), {
    otherwise: 'pretty on a terminal, else json',
    description: 'Form of the log. Neither holds what people write or models answer.',
  }),

  ...DISTRIBUTED_SETTINGS,

  MAX_CONCURRENT: define('lanes', integer(1, 16_384), {
    otherwise: '100; 4 with the embedded engine',
    unit: 'generations',
    description:
      'Slots: generations that run at once in this process. Those of an `api` are for direct runs, and it has none without `INFERENCE_URL`.',
  }),
  LANE_RESERVE_STREAM: define('lanes', integer(0, 16_384), {
    otherwise: 'half of `MAX_CONCURRENT`',
    unit: 'slots',
    description: 'Slots that only lane `stream` may use. At least one slot stays for the other lanes.',
  }),
  LANE_RESERVE_CHAT: define('lanes', integer(0, 16_384), {
    otherwise: 'a quarter of `MAX_CONCURRENT`',
    unit: 'slots',
    description: 'Slots of lane `chat`, lent while idle.',
  }),
  LANE_RESERVE_BATCH: define('lanes', integer(0, 16_384), {
    otherwise: 'a quarter of `MAX_CONCURRENT`',
    unit: 'slots',
    description: 'Slots of lane `batch`, lent while idle.',
  }),
  DISPATCH_PER_USER: define('lanes', integer(1, 1000), {
    default: '2',
    unit: 'generations',
    description: 'Generations of one user that are in a lane at once while others wait in it: its share of the turns.',
  }),

  MAX_WAITING_PER_USER: define('admission', integer(1), {
    default: '5000',
    unit: 'generations',
    description: 'Generations that one user may have waiting; beyond it 429.',
  }),
  MAX_WAITING: define('admission', integer(1), {
    default: '100000',
    unit: 'generations',
    description: 'Generations that may wait in all; beyond it 503, and nothing is accepted.',
  }),
  MAX_PREDICTED_WAIT: define('admission', seconds(0, 24 * 3600), {
    default: '0',
    description:
      'Longest wait in the lanes `stream` and `chat`, as it is predicted from the tokens that wait; beyond it 503. 0: any.',
  }),
  RATE_LIMIT_CHAT_PER_MINUTE: define('admission', integer(1), {
    default: '20',
    unit: 'requests a minute',
    description: 'Calls of `POST /chat`, per key and user.',
  }),
  RATE_LIMIT_REQUESTS_PER_MINUTE: define('admission', integer(1), {
    default: '6000',
    unit: 'requests a minute',
    description: 'All other requests that ask or change something, per key and user.',
  }),
  MAX_STREAMS_PER_USER: define('admission', integer(1), {
    default: '1000',
    unit: 'streams',
    description: 'Streams that one user may have open.',
  }),
  MAX_MESSAGE_CHARS: define('admission', integer(1, 10_000_000), {
    default: '32000',
    unit: 'characters',
    description: "Longest message, on the page and in the product's own API.",
  }),
  SEED_MAX_MESSAGE_CHARS: define('admission', integer(1, 10_000_000), {
    default: '2000',
    unit: 'characters',
    description: 'Longest message on `/chat`, `/async-chat` and `/stream-chat`.',
  }),
  MAX_BODY_BYTES: define('admission', integer(1024, 1_073_741_824), {
    default: '262144',
    unit: 'bytes',
    description: 'Largest request body. A character can take 6 bytes of JSON.',
  }),
  MAX_IMPORT_BYTES: define('admission', integer(1024, 1_073_741_824), {
    default: '16777216',
    unit: 'bytes',
    description: 'Largest conversation that is imported.',
  }),
  TRUSTED_PROXIES: define('admission', networks, {
    otherwise: 'none',
    description:
      'Proxies whose `X-Forwarded-For` is believed. Without it, everybody behind a proxy shares the limit on signing in.',
    example: '10.0.0.0/8',
  }),
  REQUEST_TIMEOUT_MS: define('admission', milliseconds(1000), {
    default: '30000',
    unit: 'ms',
    description: 'Longest that a request may take to arrive whole.',
  }),

  SYNC_TIMEOUT: define('times', seconds(0.1, 3600), {
    default: '120',
    unit: 's',
    description: 'Longest that `POST /chat` waits for the answer; after it 202, and the answer is still made.',
  }),
  LEASE_MS: define('times', milliseconds(1000), {
    default: '15000',
    unit: 'ms',
    description: 'How long an owner that is silent keeps its generations, where its death cannot be told sooner.',
  }),
  MAX_ATTEMPTS: define('times', integer(1, 100), {
    default: '5',
    unit: 'attempts',
    description: 'Failed attempts after which a generation becomes a dead letter.',
  }),
  MAX_TAKEOVERS: define('times', integer(1, 1000), {
    default: '20',
    unit: 'takeovers',
    description: 'Processes that died or hung over a generation after which it becomes a dead letter.',
  }),
  RETRY_DELAY_MS: define('times', milliseconds(1), {
    default: '500',
    unit: 'ms',
    description: 'Shortest delay before another attempt; each is drawn between this and three times the one before.',
  }),
  RETRY_DELAY_MAX_MS: define('times', milliseconds(1), {
    default: '30000',
    unit: 'ms',
    description: 'Longest delay between two attempts.',
  }),
  SHUTDOWN_DEADLINE: define('times', seconds(1, 3600), {
    default: '20',
    unit: 's',
    description: 'Longest that a server which was told to stop takes to finish or hand over.',
  }),
  STOP_ACK_TIMEOUT_MS: define('times', milliseconds(10, 60_000), {
    default: '250',
    unit: 'ms',
    description: 'How long a stop waits for the owner to say that it has stopped; the heartbeat tells it otherwise.',
  }),

  STREAM_HEARTBEAT: define('streams', seconds(0.1, 300), {
    default: '15',
    unit: 's',
    description: 'A comment is sent on a stream that has been silent this long.',
  }),
  FLUSH_WINDOW_MS: define('streams', milliseconds(0, 10_000), {
    default: '25',
    unit: 'ms',
    description: 'Text is gathered this long before it is logged and sent. The first goes at once.',
  }),
  FLUSH_WINDOW_MAX_MS: define('streams', milliseconds(0, 10_000), {
    default: '250',
    unit: 'ms',
    description: 'How far that window widens under load.',
  }),
  FOLLOW_WATCHDOG_MS: define('streams', milliseconds(50), {
    default: '3000',
    unit: 'ms',
    description: 'A reader that has heard nothing this long looks at the log and the row again.',
  }),
  TOKEN_LOG_TTL: define('streams', seconds(1, 86_400), {
    default: '600',
    unit: 's',
    description: 'How long the log of a finished answer is kept. After it streams resume from the stored message.',
  }),

  SWEEP_INTERVAL_MS: define('recovery', milliseconds(10), {
    default: '1000',
    unit: 'ms',
    description: 'Time between two looks for what stands still.',
  }),
  SWEEP_BATCH: define('recovery', integer(1, 100_000), {
    default: '200',
    unit: 'generations',
    description: 'Most generations that one such look sets going again.',
  }),
  UNCONFIRMED_AFTER_MS: define('recovery', milliseconds(10), {
    default: '2000',
    unit: 'ms',
    description: 'A dispatched generation that the queue has not confirmed for this long is published again.',
  }),
  UNCLAIMED_AFTER_MS: define('recovery', milliseconds(10), {
    default: '5000',
    unit: 'ms',
    description: 'The same for one that is published and not claimed.',
  }),

  WEBHOOK_SECRET: define('webhooks', secret, {
    otherwise: 'one is made and kept in the data folder; off with many machines',
    description:
      'From it each workspace gets a key of its own, by which it knows that a notice is ours: `webhooks secret WORKSPACE`.',
    secret: true,
  }),
  WEBHOOK_PRIVATE_ADDRESSES: define('webhooks', oneOf(['off', 'on']), {
    default: 'off',
    description: 'Whether addresses of private networks and of this machine may be told, and plain http.',
  }),
  WEBHOOK_MAX_ATTEMPTS: define('webhooks', integer(1, 100), {
    default: '12',
    unit: 'attempts',
    description: 'Attempts after which a notice is given up, and may be replayed.',
  }),
  WEBHOOK_RETRY_DELAY_MS: define('webhooks', milliseconds(1), {
    default: '5000',
    unit: 'ms',
    description: 'Delay before the second attempt; it doubles with each, up to an hour.',
  }),
  WEBHOOK_TIMEOUT_MS: define('webhooks', milliseconds(100, 60_000), {
    default: '10000',
    unit: 'ms',
    description: 'Longest that one attempt may take.',
  }),

  DATABASE_POOL_SIZE: define('storage', integer(2, 500), {
    default: '10',
    unit: 'connections',
    description: 'Most connections to the database.',
  }),
  STATEMENT_TIMEOUT_MS: define('storage', milliseconds(100), {
    default: '10000',
    unit: 'ms',
    description: 'Longest that one statement may run.',
  }),
  CONTEXT_CACHE_BYTES: define('storage', integer(0), {
    default: '67108864',
    unit: 'bytes',
    description: 'Memory for recent conversation contexts and answers. 0: none are kept.',
  }),
  CONTEXT_SUMMARY: define('storage', oneOf(['off', 'on']), {
    default: 'off',
    description:
      "Whether messages that no longer fit the model's window are summed up, by the model and in the batch lane, and the summary stands in for them.",
  }),
  AUTO_TITLES: define('storage', oneOf(['off', 'on']), {
    default: 'on',
    description:
      "Whether conversations that ask for it (`auto_title`, as the page does) get a title of the model's making after the first answer, in the batch lane.",
  }),
  ANSWER_CACHE: define('storage', oneOf(ANSWER_CACHES), {
    default: 'deterministic',
    description:
      'Which requests may be answered as the very same request of their workspace was before: those that could only be answered the same (temperature 0, or a seed), `all`, or none (`off`). Each may say otherwise by its field `cache`.',
  }),
  ANSWER_CACHE_TTL: define('storage', seconds(1, 30 * 24 * 3600), {
    default: '3600',
    description: 'How long an answer is kept for that.',
  }),
  ARCHIVE_AFTER_MONTHS: define('storage', integer(0, 1200), {
    default: '0',
    unit: 'months',
    description:
      'Messages older than so many whole months are packed into archives, daily. They are read and answered as before; the search does not find them. 0: never.',
  }),
  RETENTION_MONTHS: define('storage', integer(0, 1200), {
    default: '0',
    unit: 'months',
    description: 'Conversations in which nothing was said for so long are deleted for good, daily. 0: never.',
  }),
  TEMPORARY_CHAT_TTL: define('storage', seconds(60, 365 * 86_400), {
    default: '86400',
    description: 'How long after its last word a temporary chat is deleted for good.',
  }),
  IDEMPOTENCY_TTL: define('storage', seconds(60, 365 * 86_400), {
    default: '604800',
    unit: 's',
    description: 'How long an `Idempotency-Key` is known at least; older ones are forgotten daily.',
  }),
  HISTORY_MESSAGES: define('storage', integer(1, 10_000), {
    default: '200',
    unit: 'messages',
    description: 'Most messages of a conversation that are read for a prompt; what does not fit the model is trimmed.',
  }),

  RAY_ADDRESS: define('inference', secret, {
    otherwise: '`deploy` needs it',
    description:
      'The Ray cluster that `deploy` serves models on: `ray://HOST:10001`, which means the dashboard of that host (`http://HOST:8265`), or the address of the dashboard itself.',
    example: 'ray://ray-head:10001',
  }),
  RAY_AUTH_TOKEN: define('inference', secret, {
    otherwise: 'none is sent',
    description: "The cluster's token, where it wants one (`RAY_AUTH_MODE=token`).",
    secret: true,
  }),
  INFERENCE_SERVER: define('inference', oneOf(INFERENCE_SERVERS), {
    default: 'vllm',
    description:
      'What `INFERENCE_URL` is. `vllm` (Ray Serve LLM too): an answer that broke off is continued, prompt prefixes are shared within a workspace only. `openai`: nothing but the common API is used, and such an answer starts again.',
  }),
  INFERENCE_PRIORITY: define('inference', oneOf(['off', 'on']), {
    default: 'off',
    description: 'Whether the lane goes along as `priority`: only for a server with priority scheduling.',
  }),
  INFERENCE_CONTEXT_TOKENS: define('inference', integer(256, 10_000_000), {
    default: '4096',
    unit: 'tokens',
    description: 'Context window of its models, where the server does not say.',
  }),
  INFERENCE_CONNECT_TIMEOUT_MS: define('inference', milliseconds(10, 60_000), {
    default: '2000',
    unit: 'ms',
    description: 'Longest that connecting to it may take.',
  }),
  INFERENCE_FIRST_TOKEN_TIMEOUT_MS: define('inference', milliseconds(100), {
    default: '60000',
    unit: 'ms',
    description: 'Longest wait for the first token, its own queue included; then it is another attempt.',
  }),
  INFERENCE_IDLE_TIMEOUT_MS: define('inference', milliseconds(100), {
    default: '30000',
    unit: 'ms',
    description: 'Longest silence between two tokens.',
  }),
  DEGRADE_ABOVE_WAIT: define('inference', seconds(0, 3600), {
    default: '0',
    unit: 's',
    description:
      'Predicted wait in a lane above which a lighter model answers (`fallback` of `MODELS_FILE`), or less of the conversation is read where there is none. 0: never.',
  }),
  INFERENCE_TOTAL_TIMEOUT_MS: define('inference', milliseconds(1000), {
    default: '1800000',
    unit: 'ms',
    description: 'Longest that one answer may take.',
  }),

  ENGINE_CONTEXT_TOKENS: define('engine', integer(0, 1_048_576), {
    default: '0',
    unit: 'tokens',
    description: "Context window of one chat. 0: the model's own, at most 4096.",
  }),
  ENGINE_THREADS: define('engine', integer(0, 256), {
    default: '0',
    unit: 'threads',
    description: 'Cores that the engine uses while writing. 0: all but one.',
  }),
  ENGINE_PACE_MS: define('engine', milliseconds(0, 60_000), {
    default: '0',
    unit: 'ms',
    description: 'Least time per token, so that a test can meet a moment in the middle of an answer.',
  }),
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type ValueOf<S> = S extends { type: ValueType<infer T> } ? T : never;
/** What the sources gave, defaults not applied. */
export type SettingValues = { [Name in SettingName]?: ValueOf<(typeof SETTINGS)[Name]> };

/** Those that have a value whether or not a source gives one. */
export type DefaultedName = {
  [Name in SettingName]: (typeof SETTINGS)[Name] extends { default: string } ? Name : never;
}[SettingName];

export function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}
