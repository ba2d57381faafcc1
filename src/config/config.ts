import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { LogFormat, LogLevel } from '../telemetry/logger.ts';
import { type Access, accessOf } from './access.ts';
import { ConfigError } from './config-error.ts';
import { defaults, type WithDefaults } from './defaults.ts';
import {
  type AddedConfig,
  addedOf,
  asksEngineAlone,
  ENGINE_SLOTS,
  type InferenceConfig,
  inferenceOf,
} from './inference-config.ts';
import { checkMachines, type Machines, machinesOf, refuseMachines, type Services, servicesOf } from './machines.ts';
import type { ModelsFile } from './models-file.ts';
import type { SettingValues } from './settings.ts';
import { type SlotPlan, slotsOf } from './slot-plan.ts';

/** Times in milliseconds, paths absolute. What cannot work together cannot be written here. */
export type Config = EmbeddedConfig | DistributedConfig | StoreConfig;

/** Everything on this machine. */
export type EmbeddedConfig = CommonConfig & { kind: 'embedded'; inference: InferenceConfig; added: AddedConfig };

/** A server among others. */
export type DistributedConfig = CommonConfig & {
  kind: 'distributed';
  machines: Machines;
  services: Services;
  inference: InferenceConfig;
  apiWorkers: number;
  /** How many share a limit while Redis is away. */
  rateLimitReplicas: number;
  /** Null: the worker answers nobody. */
  workerPort: number | null;
};

/** A command on the shared databases, which needs nothing else. */
export type StoreConfig = CommonConfig & { kind: 'store'; machines: Machines };

export type CommonConfig = {
  listen: { host: string; port: number };
  /** Null: the address listened on. */
  publicUrl: string | null;
  access: Access;
  trustedProxies: readonly string[];
  dataDir: string;
  log: { level: LogLevel; format: LogFormat };
  slots: SlotPlan;
  dispatchPerUser: number;
  admission: {
    maxWaitingPerUser: number;
    maxWaiting: number;
    /** Infinity: any. */
    maxWaitSeconds: number;
    chatPerMinute: number;
    requestsPerMinute: number;
    maxStreamsPerUser: number;
    maxMessageChars: number;
    seedMaxMessageChars: number;
    maxBodyBytes: number;
    maxImportBytes: number;
    requestTimeoutMs: number;
  };
  syncTimeoutMs: number;
  leaseMs: number;
  attempts: { max: number; maxTakeovers: number; delayMs: number; maxDelayMs: number };
  /** 0: never. */
  degradeAboveMs: number;
  shutdownDeadlineMs: number;
  stopAckTimeoutMs: number;
  streams: {
    heartbeatMs: number;
    flushWindowMs: number;
    flushWindowMaxMs: number;
    followWatchdogMs: number;
    logTtlMs: number;
    logLifetimeMs: number;
  };
  recovery: { intervalMs: number; batch: number; unconfirmedAfterMs: number; unclaimedAfterMs: number };
  webhooks: WebhookConfig;
  database: { poolSize: number; statementTimeoutMs: number; connectTimeoutMs: number; maxReplicaLagMs: number };
  redis: { commandTimeoutMs: number; connectTimeoutMs: number };
  /** Months of 0: never. */
  data: { archiveAfterMonths: number; retentionMonths: number; idempotencyTtlMs: number; temporaryTtlMs: number };
  contextCacheBytes: number;
  historyMessages: number;
  summarises: boolean;
  titles: boolean;
  /** Null: answers are not kept for the same request. */
  answerCache: { serves: 'deterministic' | 'all'; ttlMs: number } | null;
};

export type WebhookConfig = {
  /** Null: none is set. */
  secret: string | null;
  reach: 'public' | 'any';
  maxAttempts: number;
  retryDelayMs: number;
  timeoutMs: number;
};

/** What the command is about: everything here, a server among others, or the shared databases alone. */
export type ConfigKind = Config['kind'];
export type Surroundings = {
  workingDirectory: string;
  isTerminal: boolean;
  /** The file that `MODELS_FILE` names, and where the keys that it names are looked up. */
  modelsFile?: ModelsFile;
};

/** Applies defaults and refuses what conflicts, all conflicts at once. */
export function buildConfig(given: SettingValues, surroundings: Surroundings, kind?: 'embedded'): EmbeddedConfig;
export function buildConfig(given: SettingValues, surroundings: Surroundings, kind: 'distributed'): DistributedConfig;
export function buildConfig(given: SettingValues, surroundings: Surroundings, kind: 'store'): StoreConfig;
export function buildConfig(
  given: SettingValues,
  surroundings: Surroundings,
  kind: 'embedded' | 'store',
): EmbeddedConfig | StoreConfig;
export function buildConfig(given: SettingValues, surroundings: Surroundings, kind: ConfigKind = 'embedded'): Config {
  const values = { ...defaults(), ...given };
  const problems: string[] = [];
  const absolute = (path: string) => resolve(surroundings.workingDirectory, path.replace(/^~(?=$|\/)/, homedir()));
  checkMachines(given, problems);
  if (kind === 'embedded') refuseMachines(given, problems);
  checkOrder(values, problems);
  const { isTerminal, modelsFile: file } = surroundings;
  const dataDir = absolute(values.DATA_DIR);
  // A command on the databases asks no model.
  const place = { dataDir, absolute, file: kind === 'store' ? undefined : file };
  const inference = inferenceOf(values, place, problems);
  const common = commonConfig(values, { kind, dataDir, isTerminal, inference }, problems);
  const config = complete(values, kind, common, { inference, added: addedOf(values, place) }, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function complete(
  values: WithDefaults,
  kind: ConfigKind,
  common: CommonConfig,
  { inference, added }: { inference: InferenceConfig; added: AddedConfig },
  problems: string[],
): Config {
  switch (kind) {
    case 'embedded':
      return { kind, ...common, inference, added };
    case 'store':
      return { kind, ...common, machines: machinesOf(values, problems) };
    case 'distributed':
      return {
        kind,
        ...common,
        machines: machinesOf(values, problems),
        services: servicesOf(values, problems),
        inference,
        apiWorkers: values.API_WORKERS,
        rateLimitReplicas: values.API_REPLICAS ?? values.API_WORKERS,
        workerPort: values.WORKER_PORT || null,
      };
  }
}

function commonConfig(
  values: WithDefaults,
  about: { kind: ConfigKind; dataDir: string; isTerminal: boolean; inference: InferenceConfig },
  problems: string[],
): CommonConfig {
  const total = values.MAX_CONCURRENT ?? (asksEngineAlone(about.inference) ? ENGINE_SLOTS : SERVER_SLOTS);
  return {
    listen: { host: values.HOST, port: values.PORT },
    publicUrl: values.PUBLIC_URL ?? null,
    access: accessOf(values, about.kind !== 'embedded', problems),
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    dataDir: about.dataDir,
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT ?? (about.isTerminal ? 'pretty' : 'json') },
    slots: slotsOf(values, total, problems),
    dispatchPerUser: values.DISPATCH_PER_USER,
    admission: {
      maxWaitingPerUser: values.MAX_WAITING_PER_USER,
      maxWaiting: values.MAX_WAITING,
      maxWaitSeconds: values.MAX_PREDICTED_WAIT || Number.POSITIVE_INFINITY,
      chatPerMinute: values.RATE_LIMIT_CHAT_PER_MINUTE,
      requestsPerMinute: values.RATE_LIMIT_REQUESTS_PER_MINUTE,
      maxStreamsPerUser: values.MAX_STREAMS_PER_USER,
      maxMessageChars: values.MAX_MESSAGE_CHARS,
      seedMaxMessageChars: values.SEED_MAX_MESSAGE_CHARS,
      maxBodyBytes: values.MAX_BODY_BYTES,
      maxImportBytes: values.MAX_IMPORT_BYTES,
      requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
    },
    syncTimeoutMs: values.SYNC_TIMEOUT * 1000,
    leaseMs: values.LEASE_MS,
    attempts: {
      max: values.MAX_ATTEMPTS,
      maxTakeovers: values.MAX_TAKEOVERS,
      delayMs: values.RETRY_DELAY_MS,
      maxDelayMs: values.RETRY_DELAY_MAX_MS,
    },
    degradeAboveMs: values.DEGRADE_ABOVE_WAIT * 1000,
    shutdownDeadlineMs: values.SHUTDOWN_DEADLINE * 1000,
    stopAckTimeoutMs: values.STOP_ACK_TIMEOUT_MS,
    streams: {
      heartbeatMs: values.STREAM_HEARTBEAT * 1000,
      flushWindowMs: values.FLUSH_WINDOW_MS,
      flushWindowMaxMs: values.FLUSH_WINDOW_MAX_MS,
      followWatchdogMs: values.FOLLOW_WATCHDOG_MS,
      logTtlMs: values.TOKEN_LOG_TTL * 1000,
      logLifetimeMs: values.TOKEN_LOG_LIFETIME * 1000,
    },
    recovery: {
      intervalMs: values.SWEEP_INTERVAL_MS,
      batch: values.SWEEP_BATCH,
      unconfirmedAfterMs: values.UNCONFIRMED_AFTER_MS,
      unclaimedAfterMs: values.UNCLAIMED_AFTER_MS,
    },
    webhooks: {
      secret: values.WEBHOOK_SECRET ?? null,
      reach: values.WEBHOOK_PRIVATE_ADDRESSES === 'on' ? 'any' : 'public',
      maxAttempts: values.WEBHOOK_MAX_ATTEMPTS,
      retryDelayMs: values.WEBHOOK_RETRY_DELAY_MS,
      timeoutMs: values.WEBHOOK_TIMEOUT_MS,
    },
    database: {
      poolSize: values.DATABASE_POOL_SIZE,
      statementTimeoutMs: values.STATEMENT_TIMEOUT_MS,
      connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT_MS,
      maxReplicaLagMs: values.REPLICA_MAX_LAG_MS,
    },
    redis: { commandTimeoutMs: values.REDIS_COMMAND_TIMEOUT_MS, connectTimeoutMs: values.REDIS_CONNECT_TIMEOUT_MS },
    data: {
      archiveAfterMonths: values.ARCHIVE_AFTER_MONTHS,
      retentionMonths: values.RETENTION_MONTHS,
      idempotencyTtlMs: values.IDEMPOTENCY_TTL * 1000,
      temporaryTtlMs: values.TEMPORARY_CHAT_TTL * 1000,
    },
    contextCacheBytes: values.CONTEXT_CACHE_BYTES,
    historyMessages: values.HISTORY_MESSAGES,
    summarises: values.CONTEXT_SUMMARY === 'on',
    titles: values.AUTO_TITLES === 'on',
    answerCache:
      values.ANSWER_CACHE === 'off' ? null : { serves: values.ANSWER_CACHE, ttlMs: values.ANSWER_CACHE_TTL * 1000 },
  };
}

/** A server batches many. */
const SERVER_SLOTS = 100;

/** The first must not exceed the second. */
const ORDERED = [
  ['RETRY_DELAY_MS', 'RETRY_DELAY_MAX_MS'],
  ['FLUSH_WINDOW_MS', 'FLUSH_WINDOW_MAX_MS'],
  ['SEED_MAX_MESSAGE_CHARS', 'MAX_MESSAGE_CHARS'],
  ['MAX_WAITING_PER_USER', 'MAX_WAITING'],
] as const;

/** `\uXXXX`: the longest form of a character in JSON. */
const BYTES_PER_CHARACTER = 6;

function checkOrder(values: WithDefaults, problems: string[]): void {
  for (const [smaller, larger] of ORDERED) {
    if (values[smaller] > values[larger]) {
      problems.push(`${smaller} (${values[smaller]}) must not exceed ${larger} (${values[larger]})`);
    }
  }
  if (values.INFERENCE_TOTAL_TIMEOUT_MS > values.TOKEN_LOG_LIFETIME * 1000) {
    problems.push(
      `INFERENCE_TOTAL_TIMEOUT_MS (${values.INFERENCE_TOTAL_TIMEOUT_MS}) must not exceed TOKEN_LOG_LIFETIME (${values.TOKEN_LOG_LIFETIME} s): an answer must not outlive its log`,
    );
  }
  if (values.MAX_BODY_BYTES < values.MAX_MESSAGE_CHARS * BYTES_PER_CHARACTER) {
    problems.push(
      `MAX_BODY_BYTES (${values.MAX_BODY_BYTES}) must be at least ${BYTES_PER_CHARACTER} times MAX_MESSAGE_CHARS (${values.MAX_MESSAGE_CHARS}), or a message of that length may not fit`,
    );
  }
}
