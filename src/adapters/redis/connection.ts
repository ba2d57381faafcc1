import { ErrorReply } from '@redis/client';
import { backoffMs } from '../../lib/backoff.ts';
import { ChatError } from '../../protocol/errors.ts';
import { portFailed } from '../../telemetry/events.ts';
import { logger } from '../../telemetry/logger.ts';
import { slotOf } from './hash-slot.ts';
import { type NodeSettings, type RedisArgument, RedisNode } from './redis-node.ts';
import { type Address, formatAddress, parseRedisUrl, type RedisTarget } from './redis-url.ts';
import type { Script } from './script.ts';
import { discover, type Topology } from './topology.ts';
import { isRefusal, type RedisName, unavailable } from './unavailable.ts';

export type RedisOptions = {
  /** See {@link parseRedisUrl}. */
  url: string;
  name: RedisName;
  commandTimeoutMs?: number;
  connectTimeoutMs?: number;
};

export type RedisHealth = { address: string; latencyMs: number | null; error: string | null };

/** How often Sentinel or Cluster is asked who the masters are, while all is well. */
const WATCH_INTERVAL_MS = 2_000;
const RETRY_BASE_MS = 50;
const RETRY_MAX_MS = 500;
const MAX_REDIRECTIONS = 4;

/**
 * One Redis, be it a server, a master that Sentinel names, or a cluster. It always asks for who the masters
 * are now and holds a connection to each; there is no replica in it. A call that cannot be served fails in
 * milliseconds (or, where a server has just fallen silent, after the command's time limit) with
 * `state_unavailable`.
 */
export class RedisConnection implements AsyncDisposable {
  readonly name: RedisName;
  readonly #target: RedisTarget;
  readonly #settings: NodeSettings;
  readonly #nodes = new Map<string, RedisNode>();
  readonly #listeners = new Set<() => void>();
  readonly #end = new AbortController();
  /** Of each slot; or of all of them. */
  #slots: (RedisNode | undefined)[] | null = null;
  #only: RedisNode | undefined;
  #wake: (() => void) | null = null;
  #round: { done: Promise<void>; finish: () => void } = newRound();
  readonly #watching: Promise<void>;
  #isAway = false;

  constructor(options: RedisOptions) {
    this.name = options.name;
    this.#target = parseRedisUrl(options.url);
    this.#settings = {
      credentials: this.#target.credentials,
      tls: this.#target.tls,
      database: this.#target.kind === 'cluster' ? 0 : this.#target.database,
      commandTimeoutMs: options.commandTimeoutMs ?? 2_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 1_000,
    };
    this.#watching = this.#watch(this.#end.signal);
  }

  /** Every master there is now. */
  get nodes(): readonly RedisNode[] {
    return [...this.#nodes.values()];
  }

  get isReady(): boolean {
    return this.#nodes.size > 0 && this.nodes.every((node) => node.isReady);
  }

  get isCluster(): boolean {
    return this.#target.kind === 'cluster';
  }

  get commandTimeoutMs(): number {
    return this.#settings.commandTimeoutMs;
  }

  nodeOf(key: string): RedisNode {
    const node = this.#slots ? this.#slots[slotOf(key)] : this.#only;
    if (!node) throw unavailable(this.name, new Error(`no master is known for ${key}`));
    return node;
  }

  /** The first slot that a node serves: what is published there goes through that node. Null outside a cluster. */
  firstSlotOf(node: RedisNode): number | null {
    return this.#slots ? this.#slots.indexOf(node) : null;
  }

  /** Called whenever there are other masters, or one has come back. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async send(key: string, args: readonly RedisArgument[], replyAs: 'text' | 'bytes' = 'text'): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const node = this.nodeOf(key);
      try {
        return await node.send(args, replyAs);
      } catch (error) {
        const redirect = redirectionOf(error);
        if (redirect === null || attempt === MAX_REDIRECTIONS) throw this.#judge(error);
        const target = this.#nodes.get(formatAddress(redirect.to));
        if (redirect.kind === 'ask' && target) {
          return await target.asking(args, replyAs).catch((failure: unknown) => Promise.reject(this.#judge(failure)));
        }
        await this.refresh();
      }
    }
  }

  async evaluate(
    { sha, lua }: Script,
    keys: readonly [string, ...string[]],
    args: readonly RedisArgument[],
    replyAs: 'text' | 'bytes' = 'text',
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.send(keys[0], ['EVALSHA', sha, ...rest], replyAs);
    } catch (error) {
      if (!(error instanceof ErrorReply && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.send(keys[0], ['EVAL', lua, ...rest], replyAs);
    }
  }

  /** Resolves when it has been asked once more who the masters are. */
  refresh(): Promise<void> {
    const { done } = this.#round;
    this.#wake?.();
    return this.#target.kind === 'single' ? Promise.resolve() : done;
  }

  /** Resolves when every master is connected; rejects with the signal's reason. */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.isReady) {
      signal.throwIfAborted();
      await this.#pause(20, signal);
    }
  }

  async health(): Promise<readonly RedisHealth[]> {
    const { nodes } = this;
    if (nodes.length === 0) return [{ address: 'unknown', latencyMs: null, error: 'no master is known' }];
    return await Promise.all(
      nodes.map(async (node) => {
        try {
          return { address: node.name, latencyMs: await node.ping(), error: null };
        } catch (error) {
          return { address: node.name, latencyMs: null, error: (error as Error).message };
        }
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#wake?.();
    for (const node of this.#nodes.values()) node.close();
    await this.#watching;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        this.#apply(await discover(this.#target, this.#settings, this.#knownNodes()));
        this.#finishRound();
      } catch (error) {
        if (!signal.aborted) this.#lost(error);
      }
      failures = this.isReady ? 0 : failures + 1;
      const pause = this.isReady ? WATCH_INTERVAL_MS : backoffMs(failures, RETRY_BASE_MS, RETRY_MAX_MS, Math.random());
      await this.#pause(pause, signal);
    }
    this.#finishRound();
  }

  #knownNodes(): Address[] {
    return this.#target.kind === 'cluster' ? this.nodes.map(({ address }) => address) : [];
  }

  #apply({ masters, slots }: Topology): void {
    let changed = false;
    const wanted = new Map(masters.map((address) => [formatAddress(address), address]));
    for (const [name, node] of this.#nodes) {
      if (wanted.has(name)) continue;
      this.#nodes.delete(name);
      node.close();
      changed = true;
    }
    for (const [name, address] of wanted) {
      if (this.#nodes.has(name)) continue;
      this.#nodes.set(name, new RedisNode(address, this.#settings, (error) => this.#nodeChanged(error)));
      changed = true;
    }
    const nodeAt = (address: Address | undefined) => address && this.#nodes.get(formatAddress(address));
    const nodes = slots?.map(nodeAt) ?? null;
    changed ||= nodes?.some((node, slot) => node !== this.#slots?.[slot]) ?? false;
    this.#slots = nodes;
    this.#only = nodes ? undefined : nodeAt(masters[0]);
    if (changed) this.#tellChanged();
  }

  #nodeChanged(error: unknown): void {
    if (this.#end.signal.aborted) return;
    if (error !== undefined) {
      this.#lost(error);
    } else {
      if (this.isReady && this.#isAway) {
        this.#isAway = false;
        logger().info({ dependency: this.name }, 'redis is back');
      }
      this.#tellChanged();
    }
    this.#wake?.();
  }

  /** One line for each time that it is lost, not for each attempt. */
  #lost(error: unknown): void {
    if (!this.#isAway) portFailed({ port: this.name, operation: 'connect', error });
    this.#isAway = true;
  }

  #tellChanged(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #judge(error: unknown): unknown {
    if (isRefusal(error) || error instanceof ChatError) return error;
    void this.refresh();
    return unavailable(this.name, error);
  }

  #finishRound(): void {
    const { finish } = this.#round;
    this.#round = newRound();
    finish();
  }

  /** Until the time is over, somebody wakes it, or the signal. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }
}

function newRound(): { done: Promise<void>; finish: () => void } {
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  return { done, finish };
}

function redirectionOf(error: unknown): { kind: 'moved' | 'ask'; to: Address } | null {
  if (!(error instanceof ErrorReply)) return null;
  const [, kind, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(error.message) ?? [];
  return kind ? { kind: kind === 'ASK' ? 'ask' : 'moved', to: { host: host!, port: Number(port) } } : null;
}
