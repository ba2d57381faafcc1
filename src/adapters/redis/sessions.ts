import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../ports/clock.ts';
import { SESSION_IDLE_MS, SESSION_LONGEST_MS, type Sessions } from '../../ports/sessions.ts';
import { portFailed } from '../../telemetry/events.ts';
import type { RedisConnection } from './connection.ts';

/** For every API process: one that did not open a session knows it all the same. Redis holds no token, only its hash. */
export class RedisSessions implements Sessions {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;

  constructor(connection: RedisConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  async open(keyHash: Uint8Array): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const value = `${this.#clock.now()} ${Buffer.from(keyHash).toString('base64')}`;
    await this.#connection.send(nameOf(token), ['SET', nameOf(token), value, 'PX', String(SESSION_IDLE_MS)]);
    return token;
  }

  async find(token: string): Promise<Uint8Array | null> {
    const name = nameOf(token);
    try {
      const value = (await this.#connection.send(name, ['GETEX', name, 'PX', String(SESSION_IDLE_MS)])) as
        | string
        | null;
      const [openedAt, keyHash] = value?.split(' ') ?? [];
      if (keyHash === undefined || this.#clock.now() - Number(openedAt) > SESSION_LONGEST_MS) return null;
      return Buffer.from(keyHash, 'base64');
    } catch (error) {
      portFailed({ port: 'sessions', operation: 'find', error });
      return null;
    }
  }

  async close(token: string): Promise<void> {
    await this.#connection.send(nameOf(token), ['DEL', nameOf(token)]);
  }
}

function nameOf(token: string): string {
  return `session:${createHash('sha256').update(token).digest('base64url')}`;
}
