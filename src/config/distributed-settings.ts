import { broker, database, redis, shards } from './server-addresses.ts';
import { define } from './setting.ts';
import { host, integer, milliseconds, seconds } from './value-types.ts';

/** Of the roles `api` and `worker`, and of the commands on their databases. */
export const DISTRIBUTED_SETTINGS = {
  DATABASE_URLS: define('machines', shards, {
    otherwise: 'the database in the data folder',
    description:
      'The PostgreSQL shards, separated by commas. `|` adds a replica that serves older pages, `;weight=2` doubles the share of new users.',
    example: 'postgresql://chat@db1/chat|postgresql://chat@db1b/chat,postgresql://chat@db2/chat;weight=2',
    secret: true,
  }),
  DIRECTORY_URL: define('machines', database, {
    otherwise: 'the first of `DATABASE_URLS`',
    description: 'PostgreSQL of workspaces, keys and the list of users with their shards.',
    example: 'postgresql://chat@directory/chat',
    secret: true,
  }),
  RABBITMQ_URI: define('machines', broker, {
    otherwise: 'lanes in the process',
    description: 'The broker, with as many of its hosts as there are, separated by commas.',
    example: 'amqp://chat:password@mq1:5672,mq2:5672,mq3:5672',
    secret: true,
  }),
  REDIS_STATE_URL: define('machines', redis, {
    otherwise: '`REDIS_HOST`',
    description:
      'Redis of answers being written, routes and limits: `maxmemory-policy noeviction`, append-only file on. Single, `redis+sentinel://` or `redis+cluster://`.',
    example: 'redis+sentinel://s1:26379,s2:26379,s3:26379/state',
    secret: true,
  }),
  REDIS_CACHE_URL: define('machines', redis, {
    otherwise: '`REDIS_HOST`',
    description: 'Redis of conversation contexts: `maxmemory-policy allkeys-lru`. May lose everything at any time.',
    example: 'redis://cache:6379',
    secret: true,
  }),
  REDIS_HOST: define('machines', host, {
    otherwise: 'the two URLs',
    description: 'One Redis for both, where no URL is set. It must not evict (`noeviction`); good for a small service.',
    example: 'redis',
  }),
  REDIS_PORT: define('machines', integer(1, 65_535), {
    otherwise: '6379',
    description: 'Port at `REDIS_HOST`.',
    example: '6379',
  }),
  API_WORKERS: define('machines', integer(1, 64), {
    default: '1',
    unit: 'processes',
    description: 'Processes of an `api` that share its port.',
  }),
  API_REPLICAS: define('machines', integer(1, 10_000), {
    otherwise: '`API_WORKERS`',
    unit: 'processes',
    description:
      'API processes in all. While the state Redis is away, each of them grants its share of the limits by itself.',
    example: '4',
  }),
  REDIS_POOL_SIZE: define('machines', integer(4, 10_000), {
    default: '50',
    unit: 'connections',
    description:
      'Most connections of a process to one Redis server. Commands share connections (pipelined), so a process opens 4 at most, whatever the load; a larger bound changes nothing, and a smaller one is refused.',
  }),
  WORKER_PORT: define('machines', integer(0, 65_535), {
    default: '0',
    description:
      'Port at which a `worker` answers `/livez`, `/readyz`, `/health` and `/metrics`, at `HOST` and without a key. 0: none.',
    example: '9001',
  }),

  REDIS_COMMAND_TIMEOUT_MS: define('servers', milliseconds(10, 60_000), {
    default: '1000',
    unit: 'ms',
    description: 'A Redis command that is not answered for this long has failed.',
  }),
  REDIS_CONNECT_TIMEOUT_MS: define('servers', milliseconds(10, 60_000), {
    default: '2000',
    unit: 'ms',
    description: 'Longest that connecting to a Redis may take.',
  }),
  TOKEN_LOG_LIFETIME: define('servers', seconds(60, 7 * 86_400), {
    default: '21600',
    unit: 's',
    description: 'How long Redis keeps the log of an answer that is never finished. Longer than any answer takes.',
  }),
  REPLICA_MAX_LAG_MS: define('servers', milliseconds(0), {
    default: '5000',
    unit: 'ms',
    description: 'A replica that is further behind its primary serves nothing: the primary does.',
  }),
  DATABASE_CONNECT_TIMEOUT_MS: define('servers', milliseconds(100, 60_000), {
    default: '5000',
    unit: 'ms',
    description: 'Longest that a call waits for a connection to its database.',
  }),
} as const;
