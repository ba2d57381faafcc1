import { hostname } from 'node:os';
import type { Shards } from '../adapters/postgres/shards.ts';
import { RabbitMqGenerationQueue } from '../adapters/rabbitmq/generation-queue.ts';
import { RedisCache } from '../adapters/redis/cache.ts';
import { RedisConnection } from '../adapters/redis/connection.ts';
import { RedisInboxes } from '../adapters/redis/inboxes.ts';
import { RedisRateLimits } from '../adapters/redis/rate-limits.ts';
import { RedisRoutes } from '../adapters/redis/routes.ts';
import { RedisSessions } from '../adapters/redis/sessions.ts';
import { RedisTokenBudgets } from '../adapters/redis/token-budgets.ts';
import { RedisTokenLog } from '../adapters/redis/token-log.ts';
import { RedisWaitingLine } from '../adapters/redis/waiting-line.ts';
import { SystemClock } from '../adapters/system/clock.ts';
import type { DistributedConfig } from '../config/config.ts';
import type { Dependency, HttpPorts } from '../http/http.ts';
import type { Webhooks } from '../ports/webhooks.ts';
import { checkDependency } from './health.ts';
import { type Databases, openShardedStore } from './open-sharded-store.ts';

export type SharedPorts = Omit<HttpPorts, 'inference'>;
export type Distributed = {
  ports: SharedPorts;
  shards: Shards;
  databases: Databases;
  queue: RabbitMqGenerationQueue;
  webhooks: Webhooks;
  /** Every server that all roles depend on. */
  dependencies(): Promise<readonly Dependency[]>;
  /** Of this process, as operators and owners of generations know it. */
  name: string;
};

/**
 * What `api` and `worker` stand on. Waits for the databases; broker and Redis connect when they are there, and
 * what is accepted meanwhile waits in its row. `stack` closes all of it.
 */
export async function openDistributed(
  role: 'api' | 'worker',
  config: DistributedConfig,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Distributed> {
  const clock = new SystemClock();
  const name = `${role}-${clock.newId()}`;
  const { commandTimeoutMs, connectTimeoutMs } = config.redis;
  const connect = (which: 'state' | 'cache') =>
    stack.use(
      new RedisConnection({
        url: config.services.redis[which],
        name: `redis-${which}`,
        commandTimeoutMs,
        connectTimeoutMs,
      }),
    );
  const state = connect('state');
  const cache = connect('cache');
  const queue = stack.use(
    new RabbitMqGenerationQueue({
      uri: config.services.broker,
      name: `chatterbot ${role} ${hostname()} ${process.pid}`,
      maxLength: config.admission.maxWaiting,
    }),
  );
  const log = stack.use(
    new RedisTokenLog({ connection: state, closedTtlMs: config.streams.logTtlMs, ttlMs: config.streams.logLifetimeMs }),
  );
  const routes = new RedisRoutes(state);
  const { shards, databases, ports: store } = await openShardedStore(config, { clock, routes }, stack, signal);
  const { webhooks, ...ports } = store;
  return {
    ports: {
      clock,
      ...ports,
      queue,
      log,
      line: new RedisWaitingLine(state),
      inboxes: stack.use(new RedisInboxes(state)),
      cache: new RedisCache(cache),
      sessions: new RedisSessions(state, clock),
      budgets: new RedisTokenBudgets(state),
      limits: new RedisRateLimits(state, { replicas: config.rateLimitReplicas }),
    },
    shards,
    databases,
    webhooks,
    queue,
    name,
    async dependencies() {
      const redis = [state, cache].map((connection) =>
        checkDependency(connection.name, 'redis', () => askRedis(connection)),
      );
      const broker = checkDependency('rabbitmq', 'rabbitmq', async () => {
        await queue.stats();
        if (queue.trouble !== null) throw new Error(queue.trouble);
      });
      return [...(await databases.dependencies()), ...(await Promise.all([...redis, broker]))];
    },
  };
}

async function askRedis(connection: RedisConnection): Promise<void> {
  for (const { error } of await connection.health()) if (error !== null) throw new Error(error);
}

export const DISTRIBUTED_BACKENDS = {
  redis: 'Redis: state and cache',
  database: 'PostgreSQL, shards',
  rabbitmq: 'RabbitMQ, quorum queues',
} as const;
