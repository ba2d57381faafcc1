import type { RedisNode } from './redis-node.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Whether a server has room for new logs: the last share of its memory is kept for those that are being
 * written. Looked at once a second at most; a server without a limit always has.
 */
export class LogRoom {
  readonly #share: number;
  readonly #looks = new WeakMap<RedisNode, { at: number; hasRoom: Promise<boolean> }>();

  constructor(share: number) {
    this.#share = share;
  }

  hasRoom(node: RedisNode): Promise<boolean> {
    const now = performance.now();
    const last = this.#looks.get(node);
    if (last && now - last.at < LOOK_EVERY_MS) return last.hasRoom;
    // Where it cannot be asked, opening fails by itself.
    const hasRoom = this.#look(node).catch(() => true);
    this.#looks.set(node, { at: now, hasRoom });
    return hasRoom;
  }

  async #look(node: RedisNode): Promise<boolean> {
    const info = String(await node.send(['INFO', 'memory']));
    const used = figure(info, 'used_memory');
    const limit = figure(info, 'maxmemory');
    return limit === 0 || used < limit * this.#share;
  }
}

function figure(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}
