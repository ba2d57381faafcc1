import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { portFailed } from '../../telemetry/events.ts';
import type { TokenLogFollowers } from '../token-log-followers.ts';
import type { RedisConnection } from './connection.ts';
import { readFrames, readHeader } from './frame-codec.ts';
import { tagOfSlot } from './hash-slot.ts';
import type { RedisNode } from './redis-node.ts';
import { Subscriber } from './subscriber.ts';

/** Of a replica, through one node: in a slot of that node, so that it is said and heard there only. */
export function frameChannel(connection: RedisConnection, node: RedisNode, replica: string): string {
  const slot = connection.firstSlotOf(node);
  return slot === null || slot < 0 ? `frames:${replica}` : `frames:${replica}:{${tagOfSlot(slot)}}`;
}

type Inbox = { subscriber: Subscriber; channel: string; before: LRUCache<string, number> };

/** Publishers whose count is remembered: their processes come and go. */
const MAX_PUBLISHERS = 1_000;

/**
 * The frames for all followers of this process: one subscription per server. Whoever may have missed
 * something is told of a gap: at every new subscription, and where a publisher's count has a hole.
 */
export class FrameReceiver {
  readonly replica = randomBytes(8).toString('hex');
  readonly #connection: RedisConnection;
  readonly #followers: TokenLogFollowers;
  readonly #inboxes = new Map<RedisNode, Inbox>();
  readonly #stopWatching: () => void;
  #isOn = false;

  constructor(connection: RedisConnection, followers: TokenLogFollowers) {
    this.#connection = connection;
    this.#followers = followers;
    this.#stopWatching = connection.onChange(() => this.#isOn && this.#follow());
  }

  /** Resolves to this replica's incarnation there once its frames are heard. The first call subscribes. */
  async heardAt(node: RedisNode, ms: number): Promise<number> {
    if (!this.#inboxes.has(node)) {
      this.#isOn = true;
      this.#follow();
    }
    const inbox = this.#inboxes.get(node);
    if (!inbox) throw new Error(`${node.name} is no master any more`);
    return await inbox.subscriber.heard(inbox.channel, ms);
  }

  /** Null where it hears nothing there. */
  incarnationAt(node: RedisNode): number | null {
    const inbox = this.#inboxes.get(node);
    return inbox ? inbox.subscriber.hears(inbox.channel) : null;
  }

  close(): void {
    this.#stopWatching();
    for (const { subscriber } of this.#inboxes.values()) subscriber.close();
    this.#inboxes.clear();
  }

  #follow(): void {
    const nodes = new Set(this.#connection.nodes);
    let missed = false;
    for (const [node, inbox] of this.#inboxes) {
      if (nodes.has(node)) continue;
      inbox.subscriber.close();
      this.#inboxes.delete(node);
      missed = true;
    }
    for (const node of nodes) missed = this.#listenAt(node) || missed;
    if (missed) this.#followers.tellAll({ kind: 'gap' });
  }

  /** True where something said before may have gone elsewhere. */
  #listenAt(node: RedisNode): boolean {
    const channel = frameChannel(this.#connection, node, this.replica);
    const known = this.#inboxes.get(node);
    if (known?.channel === channel) return false;
    const inbox = known ?? this.#newInbox(node, channel);
    if (known) known.subscriber.unsubscribe(known.channel);
    inbox.channel = channel;
    inbox.subscriber.subscribe(channel, (message) => this.#hear(inbox, message));
    return known !== undefined;
  }

  #newInbox(node: RedisNode, channel: string): Inbox {
    const onBack = (incarnation: number) => {
      if (incarnation > 1) this.#followers.tellAll({ kind: 'gap' });
    };
    const subscriber = new Subscriber(node, onBack, () => void this.#connection.refresh());
    const inbox = { subscriber, channel, before: new LRUCache<string, number>({ max: MAX_PUBLISHERS }) };
    this.#inboxes.set(node, inbox);
    return inbox;
  }

  #hear(inbox: Inbox, message: Buffer): void {
    try {
      const { publisher, before } = readHeader(message);
      const expected = inbox.before.get(publisher) ?? 0;
      inbox.before.set(publisher, before + 1);
      if (before !== expected && before !== 0) this.#followers.tellAll({ kind: 'gap' });
      readFrames(message, (id, frame) => this.#followers.tell(id, frame));
    } catch (error) {
      portFailed({ port: 'log', operation: 'read frames', error });
      this.#followers.tellAll({ kind: 'gap' });
    }
  }
}
