import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The process's one registry. Labels are few and closed sets (lane, outcome, model, port …): never a
 * user, a key, a conversation or a generation.
 */
export const registry = new Registry();

/** Each look at the event loop wakes the process: at the library's ten milliseconds that was most of what an idle one cost. */
const LOOP_DELAY_EVERY_MS = 25;

let collect: () => Promise<string> = () => registry.metrics();

/** Where several processes share a port, what they have counted together. */
export function exposeMetrics(source: () => Promise<string>): void {
  collect = source;
}

/** In the text format of Prometheus. */
export function renderMetrics(): Promise<string> {
  return collect();
}

/** CPU, memory, garbage collection and the delay of the event loop; a role calls it once. */
export function collectProcessMetrics(): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_DELAY_EVERY_MS });
}

/** Seconds: a first token in 10 ms from a warm cache, in a minute from a long line. */
const WAIT_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5, 10, 20, 40, 80, 160];
const TOKEN_BUCKETS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2];
const registers = [registry];

export const metrics = {
  accepts: new Counter({
    name: 'chat_accepts_total',
    help: 'Generations accepted: durable and acknowledged.',
    labelNames: ['lane'],
    registers,
  }),
  generations: new Counter({
    name: 'chat_generations_total',
    help: 'Generations that reached their terminal state, by that state.',
    labelNames: ['outcome', 'model'],
    registers,
  }),
  claims: new Counter({
    name: 'chat_claims_total',
    help: 'Claims that an owner made, by lane.',
    labelNames: ['lane'],
    registers,
  }),
  queueWait: new Histogram({
    name: 'chat_queue_wait_seconds',
    help: 'From acceptance to the first claim.',
    labelNames: ['lane'],
    buckets: WAIT_BUCKETS,
    registers,
  }),
  queueWaitError: new Histogram({
    name: 'chat_queue_wait_error_seconds',
    help: 'How far the wait was off that was predicted at acceptance, by whether it began sooner or later.',
    labelNames: ['lane', 'came'],
    buckets: WAIT_BUCKETS,
    registers,
  }),
  timeToFirstToken: new Histogram({
    name: 'chat_ttft_seconds',
    help: 'From acceptance to the first token, the wait in the lane included.',
    labelNames: ['lane'],
    buckets: WAIT_BUCKETS,
    registers,
  }),
  interToken: new Histogram({
    name: 'chat_inter_token_seconds',
    help: 'Mean time between the tokens of an answer, one observation an answer.',
    labelNames: ['model'],
    buckets: TOKEN_BUCKETS,
    registers,
  }),
  duration: new Histogram({
    name: 'chat_generation_seconds',
    help: 'From acceptance to the stored answer.',
    labelNames: ['lane', 'outcome'],
    buckets: WAIT_BUCKETS,
    registers,
  }),
  tokens: new Counter({
    name: 'chat_tokens_total',
    help: 'Tokens read (prompt), found in memory (reused) and written (completion).',
    labelNames: ['direction'],
    registers,
  }),
  cost: new Counter({
    name: 'chat_cost_total',
    help: 'What answers cost, in the unit of the prices of the models.',
    labelNames: ['model'],
    registers,
  }),
  cacheLookups: new Counter({
    name: 'chat_cache_lookups_total',
    help: 'Looks into a cache (answer, context, token-count), by whether something was found.',
    labelNames: ['cache', 'result'],
    registers,
  }),
  takeovers: new Counter({
    name: 'chat_takeovers_total',
    help: 'Generations that another owner went on with.',
    registers,
  }),
  fenced: new Counter({
    name: 'chat_fenced_total',
    help: 'Writes refused because a later epoch stands, by what was written.',
    labelNames: ['operation'],
    registers,
  }),
  gapsHealed: new Counter({
    name: 'chat_gaps_healed_total',
    help: 'Readers or owners that found bytes missing and put them right.',
    labelNames: ['reason'],
    registers,
  }),
  stops: new Counter({
    name: 'chat_stops_total',
    help: 'Stops asked for, by how they ended.',
    labelNames: ['result'],
    registers,
  }),
  deadLettered: new Counter({
    name: 'chat_dead_lettered_total',
    help: 'Generations that failed past their attempts.',
    labelNames: ['code'],
    registers,
  }),
  deadLetters: new Gauge({
    name: 'chat_dead_letters',
    help: 'Dead letters that are kept and may be replayed.',
    registers,
  }),
  queueDepth: new Gauge({
    name: 'chat_queue_messages',
    help: 'Jobs ready in a lane.',
    labelNames: ['lane'],
    registers,
  }),
  oldestJob: new Gauge({
    name: 'chat_oldest_job_seconds',
    help: 'How long the job that waits longest in a lane has waited. 0: none waits.',
    labelNames: ['lane'],
    registers,
    aggregator: 'max',
  }),
  leasesLost: new Counter({
    name: 'chat_leases_lost_total',
    help: 'Generations that this process ran and found another owner had.',
    registers,
  }),
  poolConnections: new Gauge({
    name: 'chat_database_pool_connections',
    help: 'Connections to each shard: used, idle, and those that callers wait for.',
    labelNames: ['shard', 'state'],
    registers,
  }),
  shardUp: new Gauge({
    name: 'chat_shard_up',
    help: 'Whether a shard takes writes, as this process sees it.',
    labelNames: ['shard'],
    registers,
    aggregator: 'min',
  }),
  shardErrors: new Counter({
    name: 'chat_shard_errors_total',
    help: 'Calls that found their shard away.',
    labelNames: ['shard'],
    registers,
  }),
  replicaLag: new Gauge({
    name: 'chat_replica_lag_seconds',
    help: 'How far a replica is behind its primary.',
    labelNames: ['replica'],
    registers,
    aggregator: 'max',
  }),
  partitionMonths: new Gauge({
    name: 'chat_partition_months_ahead',
    help: 'Months after this one for which a shard has partitions of messages.',
    labelNames: ['shard'],
    registers,
    aggregator: 'min',
  }),
  archivedMessages: new Gauge({
    name: 'chat_archived_messages',
    help: 'Messages in the archive of a shard.',
    labelNames: ['shard'],
    registers,
    aggregator: 'max',
  }),
  archiveSaved: new Gauge({
    name: 'chat_archive_saved_bytes',
    help: 'Bytes of the rows that are archived on a shard, less those of their archive. Indexes are not counted.',
    labelNames: ['shard'],
    registers,
    aggregator: 'max',
  }),
  dataRemoved: new Counter({
    name: 'chat_data_removed_total',
    help: 'Conversations and idempotency keys that were removed for their age or after their deletion.',
    labelNames: ['kind'],
    registers,
  }),
  usersDeleted: new Counter({
    name: 'chat_user_deletions_total',
    help: 'Deletions of users that were gone through, finished or with a database left.',
    labelNames: ['result'],
    registers,
  }),
  bufferedBytes: new Gauge({
    name: 'chat_connection_buffered_bytes',
    help: 'Written to connections and not taken by their readers yet, all of them together.',
    registers,
  }),
  bufferedBytesLargest: new Gauge({
    name: 'chat_connection_buffered_bytes_largest',
    help: 'The same of the connection that is furthest behind.',
    registers,
    aggregator: 'max',
  }),
  streamsOpen: new Gauge({
    name: 'chat_streams_open',
    help: 'Readers attached, by how they read.',
    labelNames: ['transport'],
    registers,
  }),
  streamsClosed: new Counter({
    name: 'chat_streams_closed_total',
    help: 'Readers gone, by why.',
    labelNames: ['transport', 'reason'],
    registers,
  }),
  streamResumes: new Counter({
    name: 'chat_stream_resumes_total',
    help: 'Readers that came back with an event id, by how that went.',
    labelNames: ['result'],
    registers,
  }),
  rateLimited: new Counter({
    name: 'chat_ratelimited_total',
    help: 'Requests refused by a limit, by which.',
    labelNames: ['scope'],
    registers,
  }),
  swept: new Counter({
    name: 'chat_swept_total',
    help: 'What the sweeper found standing still and set going again.',
    labelNames: ['kind'],
    registers,
  }),
  webhooks: new Counter({
    name: 'chat_webhooks_total',
    help: 'Attempts to tell a caller of an answer, by how they went.',
    labelNames: ['outcome'],
    registers,
  }),
  upstreamAnswers: new Counter({
    name: 'chat_upstream_answers_total',
    help: 'Answers of each inference server, by how they ended.',
    labelNames: ['server', 'model', 'outcome'],
    registers,
  }),
  upstreamUp: new Gauge({
    name: 'chat_upstream_up',
    help: 'Whether an inference server is asked for a model: 0 while too many of its answers failed.',
    labelNames: ['server', 'model'],
    registers,
    aggregator: 'min',
  }),
  catalogueReads: new Counter({
    name: 'chat_catalogue_reads_total',
    help: 'Changes of the file of models that were taken, or refused for what is wrong in them.',
    labelNames: ['result'],
    registers,
  }),
  upstreamRetries: new Counter({
    name: 'chat_upstream_retries_total',
    help: 'Failures before the first word that another server was asked for, or was not for want of budget.',
    labelNames: ['model', 'result'],
    registers,
  }),
  continuations: new Counter({
    name: 'chat_answers_continued_total',
    help: 'Answers that broke off and were gone on with at once.',
    labelNames: ['model'],
    registers,
  }),
  degraded: new Counter({
    name: 'chat_answers_degraded_total',
    help: 'Answers that a lighter model gave, or that read less of the conversation, by why.',
    labelNames: ['what', 'reason'],
    registers,
  }),
  portFailures: new Counter({
    name: 'chat_port_failures_total',
    help: 'Calls that a backend failed, by port and operation.',
    labelNames: ['port', 'operation'],
    registers,
  }),
};
