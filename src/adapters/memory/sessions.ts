import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../ports/clock.ts';
import { SESSION_IDLE_MS, SESSION_LONGEST_MS, type Sessions } from '../../ports/sessions.ts';

const MOST = 10_000;

export class MemorySessions implements Sessions {
  readonly #clock: Clock;
  readonly #sessions = new LRUCache<string, { keyHash: Uint8Array; openedAt: number; usedAt: number }>({ max: MOST });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async open(keyHash: Uint8Array): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const now = this.#clock.now();
    this.#sessions.set(token, { keyHash, openedAt: now, usedAt: now });
    return token;
  }

  async find(token: string): Promise<Uint8Array | null> {
    const session = this.#sessions.get(token);
    if (!session) return null;
    const now = this.#clock.now();
    if (now - session.openedAt <= SESSION_LONGEST_MS && now - session.usedAt <= SESSION_IDLE_MS) {
      session.usedAt = now;
      return session.keyHash;
    }
    this.#sessions.delete(token);
    return null;
  }

  async close(token: string): Promise<void> {
    this.#sessions.delete(token);
  }
}
