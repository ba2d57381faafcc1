import type { ChannelModel, Options } from 'amqplib';
import { LANES, type Lane } from '../../protocol/generation.ts';

/** Direct; the routing key is the lane. */
export const LANE_EXCHANGE = 'gen';
/** Exchange (direct, by lane) and queue of the same name. */
export const DEAD = 'gen.dead';

/**
 * Exchange (fanout) and queue of the same name. One queue per delay: in a shared one a long delay at the head
 * would hold back the short ones behind it.
 */
export const RETRIES = [
  { name: 'gen.retry.2s', delayMs: 2000 },
  { name: 'gen.retry.8s', delayMs: 8000 },
  { name: 'gen.retry.30s', delayMs: 30_000 },
  { name: 'gen.retry.2m', delayMs: 120_000 },
] as const;

/** Redeliveries of one message before it is a dead letter: its consumers died over it. */
const DELIVERY_LIMIT = 20;
/** A dead letter is never given up; servers from 4.0 on would after 20 redeliveries. */
const WITHOUT_LIMIT = 1_000_000_000;

/** A queue's arguments are fixed for its life: another set needs another name. */
export function laneQueue(lane: Lane): string {
  return `gen.v1.${lane}`;
}

/**
 * Never holds a message: each process that consumes the lane consumes this as well, so that its consumers are
 * the lane's. Of the lane's own queue the broker counts subscriptions, of which a process has none or many.
 */
export function presenceQueue(lane: Lane): string {
  return `gen.v1.${lane}.consumers`;
}

export function nearestRetry(delayMs: number): string {
  const distance = (retry: { delayMs: number }) => Math.abs(retry.delayMs - delayMs);
  return RETRIES.reduce((best, retry) => (distance(retry) < distance(best) ? retry : best)).name;
}

type Queue = { name: string; arguments: Record<string, unknown>; bindings: { exchange: string; key: string }[] };

/** Declares all of it; what stands already stays. */
export async function declareTopology(connection: ChannelModel, maxLength: number): Promise<void> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  await channel.assertExchange(LANE_EXCHANGE, 'direct', { durable: true });
  await channel.assertExchange(DEAD, 'direct', { durable: true });
  for (const { name } of RETRIES) await channel.assertExchange(name, 'fanout', { durable: true });
  await channel.close();
  for (const queue of queues(maxLength)) await declareQueue(connection, queue);
}

function queues(maxLength: number): Queue[] {
  // At-least-once dead-lettering is only given together with reject-publish.
  const kept = { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
  return [
    {
      name: DEAD,
      arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': WITHOUT_LIMIT },
      bindings: deadBindings(),
    },
    ...LANES.map((lane) => ({
      name: laneQueue(lane),
      arguments: {
        ...kept,
        'x-delivery-limit': DELIVERY_LIMIT,
        'x-dead-letter-exchange': DEAD,
        'x-max-length': maxLength,
      },
      bindings: [{ exchange: LANE_EXCHANGE, key: lane }],
    })),
    ...LANES.map((lane) => ({ name: presenceQueue(lane), arguments: { 'x-queue-type': 'quorum' }, bindings: [] })),
    // No dead-letter routing key: the lane that it was published with brings it back.
    ...RETRIES.map(({ name, delayMs }) => ({
      name,
      arguments: { ...kept, 'x-message-ttl': delayMs, 'x-dead-letter-exchange': LANE_EXCHANGE },
      bindings: [{ exchange: name, key: '' }],
    })),
  ];
}

function deadBindings(): Queue['bindings'] {
  return LANES.map((key) => ({ exchange: DEAD, key }));
}

/**
 * A queue that stands with other arguments is used as it is: changing a bound must not stop the service, and
 * only its operator may delete what is in it.
 */
async function declareQueue(connection: ChannelModel, queue: Queue): Promise<void> {
  const options: Options.AssertQueue = { durable: true, arguments: queue.arguments };
  const isThere = await onChannel(connection, (channel) => channel.assertQueue(queue.name, options)).catch((error) => {
    if (error.code !== PRECONDITION_FAILED) throw error;
    return null;
  });
  await onChannel(connection, async (channel) => {
    if (!isThere) await channel.checkQueue(queue.name);
    for (const { exchange, key } of queue.bindings) await channel.bindQueue(queue.name, exchange, key);
  });
}

const PRECONDITION_FAILED = 406;

/** A refused declaration costs its channel. */
async function onChannel<T>(
  connection: ChannelModel,
  use: (channel: Awaited<ReturnType<ChannelModel['createChannel']>>) => Promise<T>,
): Promise<T> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const result = await use(channel);
  await channel.close();
  return result;
}
