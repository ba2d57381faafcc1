import type { Lane } from '../protocol/generation.ts';
import { logger } from './logger.ts';
import { metrics } from './metrics.ts';

/**
 * One helper per business event: its log line and its counters together. Every field may be left
 * out. Ids and figures only: what people wrote, and what a model answered, never comes here.
 */
type EventFields = {
  generation?: string | null | undefined;
  /** The internal id, never the caller's name for the person. */
  user?: string | null | undefined;
  workspace?: string | null | undefined;
  conversation?: string | null | undefined;
  lane?: Lane | null | undefined;
  model?: string | null | undefined;
  owner?: string | null | undefined;
  epoch?: number | null | undefined;
  attempts?: number | null | undefined;
  /** How long the thing took that the event is about. */
  ms?: number | null | undefined;
  /** A few fixed words of ours. */
  reason?: string | null | undefined;
  error?: unknown;
};

const NONE = 'none';
const seconds = (ms: number): number => ms / 1000;

/** Durable and acknowledged. `replayed`: the same idempotency key again, nothing new. */
export function generationAccepted(event: EventFields & { direct?: boolean; replayed?: boolean }): void {
  if (!event.replayed) metrics.accepts.inc({ lane: event.lane ?? NONE });
  logger().debug(event, 'generation accepted');
}

/** `ms`: from acceptance; counted at the first claim only (`epoch` 1, or unknown), with how far off its prediction was. */
export function generationClaimed(event: EventFields & { predictedMs?: number | undefined }): void {
  const lane = event.lane ?? NONE;
  metrics.claims.inc({ lane });
  if (event.ms != null && (event.epoch ?? 1) === 1) metrics.queueWait.observe({ lane }, seconds(event.ms));
  if (event.ms != null && event.predictedMs !== undefined && (event.epoch ?? 1) === 1) {
    const off = seconds(event.ms - event.predictedMs);
    metrics.queueWaitError.observe({ lane, came: off > 0 ? 'later' : 'sooner' }, Math.abs(off));
  }
  logger().debug(event, 'generation claimed');
}

/** `ms`: from acceptance. */
export function firstToken(event: EventFields): void {
  if (event.ms != null) metrics.timeToFirstToken.observe({ lane: event.lane ?? NONE }, seconds(event.ms));
  logger().debug(event, 'first token');
}

export type FinishedFields = EventFields & {
  outcome?: 'done' | 'failed' | 'cancelled' | 'interrupted' | undefined;
  finishReason?: string | null | undefined;
  promptTokens?: number | null | undefined;
  reusedTokens?: number | null | undefined;
  completionTokens?: number | null | undefined;
  cost?: number | null | undefined;
  /** First token to last. */
  streamMs?: number | null | undefined;
  takeovers?: number | null | undefined;
};

/** The answer is stored. `ms`: from acceptance. */
export function generationFinished(event: FinishedFields): void {
  const outcome = event.outcome ?? NONE;
  const model = event.model ?? NONE;
  metrics.generations.inc({ outcome, model });
  if (event.ms != null) metrics.duration.observe({ lane: event.lane ?? NONE, outcome }, seconds(event.ms));
  countTokens('prompt', event.promptTokens);
  countTokens('reused', event.reusedTokens);
  countTokens('completion', event.completionTokens);
  if (event.cost) metrics.cost.inc({ model }, event.cost);
  const written = event.completionTokens ?? 0;
  if (event.streamMs != null && written > 1) {
    metrics.interToken.observe({ model }, seconds(event.streamMs) / (written - 1));
  }
  const level = outcome === 'failed' || outcome === 'interrupted' ? 'warn' : 'info';
  logger()[level](event, `generation ${outcome}`);
}

function countTokens(direction: string, count: number | null | undefined): void {
  if (count != null && count > 0) metrics.tokens.inc({ direction }, count);
}

type CacheLook = { cache?: 'answer' | 'context' | 'token-count'; isHit?: boolean; times?: number };

/** Counted and not logged: there are several for each generation. `times`: as many looks at once. */
export function cacheLookedUp({ cache, isHit = false, times = 1 }: CacheLook): void {
  metrics.cacheLookups.inc({ cache: cache ?? NONE, result: isHit ? 'hit' : 'miss' }, times);
}

/** Another owner goes on, from `bytes` of answer that were logged. */
export function takenOver(event: EventFields & { bytes?: number | undefined }): void {
  metrics.takeovers.inc();
  logger().warn(event, 'generation taken over');
}

/** A write under an old epoch was refused: its writer is no longer the owner and lets go. */
export function fenced(
  event: EventFields & { operation?: string | undefined; standingEpoch?: number | undefined },
): void {
  metrics.fenced.inc({ operation: event.operation ?? NONE });
  logger().warn(event, 'fenced by a later epoch');
}

/** Bytes were missing (a lost frame, tail or log) and are there again. */
export function gapHealed(event: EventFields & { bytes?: number | undefined }): void {
  metrics.gapsHealed.inc({ reason: event.reason ?? NONE });
  logger().info(event, 'gap healed');
}

/** A stop was asked for. `result`: e.g. `queued`, `acknowledged`, `unacknowledged`, `finished`. */
export function stopped(event: EventFields & { result?: string | undefined }): void {
  metrics.stops.inc({ result: event.result ?? NONE });
  logger().info(event, 'stop');
}

/** Failed past its attempts; kept for a replay. */
export function deadLettered(event: EventFields & { code?: string | undefined }): void {
  metrics.deadLettered.inc({ code: event.code ?? NONE });
  metrics.deadLetters.inc();
  logger().error(event, 'dead letter');
}

/** As counted from the rows; the gauge follows it between two {@link deadLettered}. */
export function deadLettersCounted(count: number): void {
  metrics.deadLetters.set(count);
}

export function queueMeasured(lane: Lane, ready: number): void {
  metrics.queueDepth.set({ lane }, ready);
}

export function oldestJobMeasured(lane: Lane, seconds: number): void {
  metrics.oldestJob.set({ lane }, seconds);
}

/** Another owner has it: a lease ran out under its owner, or a database came back without a commit. */
export function leaseLost(event: EventFields): void {
  metrics.leasesLost.inc();
  logger().warn(event, 'lease lost');
}

export function shardMeasured(
  shard: string,
  isUp: boolean,
  pool: { open: number; idle: number; waiting: number },
): void {
  metrics.shardUp.set({ shard }, isUp ? 1 : 0);
  metrics.poolConnections.set({ shard, state: 'used' }, pool.open - pool.idle);
  metrics.poolConnections.set({ shard, state: 'idle' }, pool.idle);
  metrics.poolConnections.set({ shard, state: 'waited-for' }, pool.waiting);
}

/** A call that found it away. Counted and not logged: while a shard is away, every call of its users is one. */
export function shardFailed(shard: string): void {
  metrics.shardErrors.inc({ shard });
}

/** Null: it does not answer, or is further behind than can be told. */
export function replicaMeasured(replica: string, lagMs: number | null): void {
  metrics.replicaLag.set({ replica }, lagMs === null ? Number.POSITIVE_INFINITY : seconds(lagMs));
}

/** `months`: whole ones after this. */
export function partitionsMeasured(shard: string, months: number): void {
  metrics.partitionMonths.set({ shard }, months);
}

type DataKeptFields = {
  shard: string;
  /** Conversations deleted for their age, conversations emptied after their deletion, idempotency keys forgotten. */
  expired?: number;
  purged?: number;
  keys?: number;
  archived?: { messages: number; rawBytes: number; packedBytes: number };
  /** Of the shard's archive as it stands. */
  totals: { messages: number; rawBytes: number; packedBytes: number };
};

/** A daily look at what a shard keeps. Without figures: another process did the work. */
export function dataKept({ shard, expired = 0, purged = 0, keys = 0, archived, totals }: DataKeptFields): void {
  metrics.dataRemoved.inc({ kind: 'expired-conversations' }, expired);
  metrics.dataRemoved.inc({ kind: 'deleted-conversations' }, purged);
  metrics.dataRemoved.inc({ kind: 'idempotency-keys' }, keys);
  metrics.archivedMessages.set({ shard }, totals.messages);
  metrics.archiveSaved.set({ shard }, totals.rawBytes - totals.packedBytes);
  if (expired + purged + keys + (archived?.messages ?? 0) === 0) return;
  logger().info({ shard, expired, purged, keys, archived }, 'data kept');
}

/** `away`: databases on which something may be left; somebody goes on with it. */
export function userDeleted(event: EventFields & { away?: readonly string[] | undefined }): void {
  const isDone = (event.away ?? []).length === 0;
  metrics.usersDeleted.inc({ result: isDone ? 'finished' : 'unfinished' });
  logger()[isDone ? 'info' : 'warn'](event, isDone ? 'user deleted' : 'user not deleted everywhere yet');
}

/** Bytes that were written to connections and wait in this process for their readers. */
export function connectionsMeasured(all: number, largest: number): void {
  metrics.bufferedBytes.set(all);
  metrics.bufferedBytesLargest.set(largest);
}

type StreamFields = EventFields & { transport?: 'sse' | 'websocket' | 'openai' | 'sync' | undefined };

export function streamOpened(event: StreamFields): void {
  metrics.streamsOpen.inc({ transport: event.transport ?? NONE });
  logger().debug(event, 'stream opened');
}

/** `reason`: e.g. `end`, `client-gone`, `slow`, `shutdown`, `error`. Once per {@link streamOpened}, same transport. */
export function streamClosed(event: StreamFields): void {
  const transport = event.transport ?? NONE;
  metrics.streamsOpen.dec({ transport });
  metrics.streamsClosed.inc({ transport, reason: event.reason ?? NONE });
  logger().debug(event, 'stream closed');
}

/** `result`: e.g. `log`, `stored`, `rewind`, `restart`, `ended`. */
export function streamResumed(event: EventFields & { result?: string | undefined }): void {
  metrics.streamResumes.inc({ result: event.result ?? NONE });
  logger().debug(event, 'stream resumed');
}

/** `scope`: which limit, e.g. `chat`, `requests`, `waiting`, `streams`, `queue`. */
export function rateLimited(
  event: EventFields & { scope?: string | undefined; retryAfterMs?: number | undefined },
): void {
  metrics.rateLimited.inc({ scope: event.scope ?? NONE });
  logger().debug(event, 'rate limited');
}

/** One attempt to tell of an answer. `outcome`: delivered, retry, dead. */
export function webhookTold(event: EventFields & { outcome?: 'delivered' | 'retry' | 'dead' | undefined }): void {
  const outcome = event.outcome ?? NONE;
  metrics.webhooks.inc({ outcome });
  logger()[outcome === 'dead' ? 'warn' : 'debug'](event, `webhook ${outcome}`);
}

/** Nothing is said of a sweep that found nothing. */
export function sweptUp(
  event: EventFields & { stalled?: number | undefined; waitingUsers?: number | undefined },
): void {
  const { stalled = 0, waitingUsers = 0 } = event;
  if (stalled === 0 && waitingUsers === 0) return;
  metrics.swept.inc({ kind: 'stalled' }, stalled);
  metrics.swept.inc({ kind: 'waiting-users' }, waitingUsers);
  logger().info(event, 'swept up');
}

type UpstreamFields = EventFields & { server?: string | undefined };

/** `outcome`: whole, or the kind of its failure. */
export function upstreamAnswered({ server, model, outcome }: UpstreamFields & { outcome?: string | undefined }): void {
  metrics.upstreamAnswers.inc({ server: server ?? NONE, model: model ?? NONE, outcome: outcome ?? NONE });
}

/** One that may be asked from now on. */
export function upstreamKnown({ server, model }: UpstreamFields): void {
  metrics.upstreamUp.set({ server: server ?? NONE, model: model ?? NONE }, 1);
}

/** Nobody asks it any more. */
export function upstreamForgotten({ server, model }: UpstreamFields): void {
  metrics.upstreamUp.remove({ server: server ?? NONE, model: model ?? NONE });
}

/** The catalogue's file was written anew. `problems`: why it stays as it was. */
export function catalogueRead(event: EventFields & { models?: number; problems?: readonly string[] }): void {
  metrics.catalogueReads.inc({ result: event.problems ? 'refused' : 'taken' });
  if (event.problems) logger().error(event, 'catalogue refused: it stays as it was');
  else logger().info(event, 'catalogue taken');
}

/** Somebody added or removed one. */
export function endpointsChanged(event: EventFields & { endpoints?: readonly string[] }): void {
  logger().info(event, 'endpoints changed');
}

/** A download onto this machine has ended. */
export function modelDownloaded(
  event: EventFields & { download?: 'ready' | 'cancelled' | 'failed'; error?: unknown },
): void {
  if (event.download === 'failed') logger().warn(event, 'model download failed');
  else logger().info(event, 'model download ended');
}

/** `isOpen`: too many of its answers failed, and it is left out until one token comes again. */
export function upstreamState(event: UpstreamFields & { isOpen?: boolean | undefined }): void {
  metrics.upstreamUp.set({ server: event.server ?? NONE, model: event.model ?? NONE }, event.isOpen ? 0 : 1);
  logger().warn(event, event.isOpen ? 'inference server left out' : 'inference server back');
}

/** A failure before the first word. `result`: retried, budget-spent. */
export function upstreamRetried(event: EventFields & { result?: 'retried' | 'budget-spent' | undefined }): void {
  metrics.upstreamRetries.inc({ model: event.model ?? NONE, result: event.result ?? NONE });
  logger().debug(event, 'another inference server');
}

/** An answer broke off and is gone on with at once, behind what is written. */
export function answerContinued(event: UpstreamFields): void {
  metrics.continuations.inc({ model: event.model ?? NONE });
  logger().warn(event, 'answer continued');
}

/** Less than was asked for; see Degradation. */
export function answerDegraded(
  event: EventFields & { what?: 'model' | 'context' | undefined; from?: string | undefined; to?: string | undefined },
): void {
  metrics.degraded.inc({ what: event.what ?? NONE, reason: event.reason ?? NONE });
  logger().warn(event, 'answer degraded');
}

/** A backend failed a call. `port` and `operation` are names from `ports/`. */
export function portFailed(event: EventFields & { port?: string | undefined; operation?: string | undefined }): void {
  metrics.portFailures.inc({ port: event.port ?? NONE, operation: event.operation ?? NONE });
  logger().warn(event, 'port failed');
}
