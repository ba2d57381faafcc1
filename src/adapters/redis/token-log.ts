import type { GenerationId } from '../../ports/generations.ts';
import type {
  Append,
  AppendOutcome,
  Attachment,
  Ending,
  Frame,
  LogSnapshot,
  OpenHow,
  OpenOutcome,
  TokenLog,
} from '../../ports/token-log.ts';
import type { Cursor, EpochStart } from '../../protocol/position.ts';
import { portFailed } from '../../telemetry/events.ts';
import { TokenLogFollowers } from '../token-log-followers.ts';
import { logKeys } from './append-batch.ts';
import type { RedisConnection } from './connection.ts';
import { FrameReceiver } from './frame-receiver.ts';
import type { Route } from './frame-sender.ts';
import { LogNode } from './log-node.ts';
import { LogRoom } from './log-room.ts';
import { OwnLogs } from './own-logs.ts';
import type { RedisNode } from './redis-node.ts';
import { ATTACH, CLOSE, OPEN, REMOVE, ROUTE } from './token-log-scripts.ts';
import { unavailable } from './unavailable.ts';

export type RedisTokenLogOptions = {
  connection: RedisConnection;
  /** Must exceed the longest generation: nothing prolongs it while one runs. */
  ttlMs?: number;
  /** How long the log of a stored answer serves readers that come back; then the stored message does. */
  closedTtlMs?: number;
  /** Share of a server's memory from which on it takes no new logs. */
  fullShare?: number;
  /** How long a batch waits for one server among several before its outcome is given as failed. */
  patienceMs?: number;
};

const MINUTE_MS = 60_000;
const SUBSCRIBE_PATIENCE_MS = 1_000;
const RETURN_CHECK_MS = 200;
/** Logs whose closing is made up for once Redis is back; those beyond it end with their time to live. */
const MOST_UNCLOSED = 10_000;

/**
 * Logs in Redis, for any number of processes that write and read them. A log is one string; whoever follows
 * is a route in its record, returned with every append; bytes reach the followers after the log has them.
 */
export class RedisTokenLog implements TokenLog, AsyncDisposable {
  readonly #connection: RedisConnection;
  readonly #ttlMs: number;
  readonly #closedTtlMs: number;
  readonly #patienceMs: number;
  readonly #room: LogRoom;
  readonly #followers = new TokenLogFollowers();
  readonly #receiver: FrameReceiver;
  readonly #nodes = new Map<RedisNode, LogNode>();
  readonly #own: OwnLogs;
  /** Generations whose followers' number here changed since it was last told. */
  readonly #left = new Set<GenerationId>();
  /** Generations whose followers could not be registered. */
  readonly #unheard = new Set<GenerationId>();
  /** Generations whose logs could not be closed, with the epochs that closed them. */
  readonly #unclosed = new Map<GenerationId, number>();
  readonly #returnCheck: NodeJS.Timeout;
  readonly #stopWatching: () => void;

  constructor(options: RedisTokenLogOptions) {
    this.#connection = options.connection;
    this.#ttlMs = options.ttlMs ?? 6 * 60 * MINUTE_MS;
    this.#closedTtlMs = options.closedTtlMs ?? 10 * MINUTE_MS;
    this.#patienceMs = options.patienceMs ?? 250;
    this.#room = new LogRoom(options.fullShare ?? 0.9);
    this.#own = new OwnLogs(this.#ttlMs);
    this.#receiver = new FrameReceiver(options.connection, this.#followers);
    this.#stopWatching = options.connection.onChange(() => this.#followNodes());
    this.#followNodes();
    this.#returnCheck = setInterval(() => this.#makeUp(), RETURN_CHECK_MS).unref();
  }

  async open(id: GenerationId, epoch: number, how: OpenHow = { kind: 'continue' }): Promise<OpenOutcome> {
    const restored = how.kind === 'restore' ? how : null;
    if (restored && restored.epochs.at(-1)?.epoch !== epoch) {
      throw new TypeError(`restore at epoch ${epoch}: the last of its epochs is ${restored.epochs.at(-1)?.epoch}`);
    }
    const hasRoom = await this.#room.hasRoom(this.#connection.nodeOf(logKeys(id)[0]));
    const args = [String(epoch), how.kind, String(this.#ttlMs), hasRoom ? '1' : '0'];
    const more = restored
      ? [Buffer.from(restored.text), Buffer.from(restored.reasoning), formatEpochs(restored.epochs)]
      : [];
    const reply = (await this.#connection.evaluate(OPEN, logKeys(id), [...args, ...more], 'bytes')) as OpenReply;
    if (reply[0] === 0) return { kind: 'refused', epoch: reply[1] };
    if (reply[0] === 2) throw unavailable(this.#connection.name, new Error('no room for a new token log'), 'full');
    const [, text, reasoning, epochsText, ending, routes] = reply;
    const epochs = parseEpochs(String(epochsText));
    this.#own.opened(id, restored ? restored.text.length + restored.reasoning.length : text.length + reasoning.length);
    this.#tell(id, String(routes), { kind: 'opened', epoch, at: epochs.at(-1)!.at });
    return {
      kind: 'opened',
      text: restored ? new Uint8Array(restored.text) : text,
      reasoning: restored ? new Uint8Array(restored.reasoning) : reasoning,
      epochs,
      ending: ending.length > 0 ? (JSON.parse(String(ending)) as Ending) : null,
    };
  }

  async append(batch: readonly Append[]): Promise<readonly AppendOutcome[]> {
    if (batch.length === 0) return [];
    const outcomes: AppendOutcome[] = new Array(batch.length);
    const parts = this.#byNode(batch);
    // With nobody else to hold up, it may take what a command may.
    const patienceMs =
      parts.size === 1
        ? this.#connection.commandTimeoutMs
        : Math.min(this.#patienceMs, this.#connection.commandTimeoutMs);
    let failure: unknown = null;
    let answered = 0;
    await Promise.all(
      [...parts].map(async ([node, indexes]) => {
        const part = indexes.length === batch.length ? batch : indexes.map((index) => batch[index]!);
        const { outcomes: its, error } = node ? await node.append(part, patienceMs) : NOWHERE;
        if (error) failure = unavailable(this.#connection.name, error);
        for (const [n, index] of indexes.entries()) {
          const outcome = its[n] ?? null;
          if (outcome) answered++;
          outcomes[index] = outcome ?? { kind: 'failed', error: failure };
        }
      }),
    );
    if (failure) void this.#connection.refresh();
    if (answered === 0) throw failure;
    this.#own.appended(batch, outcomes);
    return outcomes;
  }

  async attach(id: GenerationId, from: Cursor, onFrame: (frame: Frame) => void): Promise<Attachment> {
    const remove = this.#followers.add(id, onFrame);
    const detach = () => {
      remove();
      if (this.#left.size === 0) setImmediate(() => this.#tellLeft());
      this.#left.add(id);
    };
    try {
      return { snapshot: await this.#register(id, from), detach };
    } catch (error) {
      // As where there is no log: the row says how it stands. A gap follows once Redis is back.
      portFailed({ port: 'log', operation: 'attach', generation: id, error });
      this.#unheard.add(id);
      return { snapshot: null, detach };
    }
  }

  /** Rejects where Redis is away; it is closed once that is back. */
  async close(id: GenerationId, epoch: number): Promise<void> {
    this.#own.left(id);
    try {
      await this.#close(id, epoch);
    } catch (error) {
      if (this.#unclosed.size < MOST_UNCLOSED) this.#unclosed.set(id, epoch);
      throw error;
    }
  }

  async #close(id: GenerationId, epoch: number): Promise<void> {
    const args = [String(epoch), String(this.#closedTtlMs)];
    const reply = (await this.#connection.evaluate(CLOSE, logKeys(id), args)) as CloseReply;
    const [kind, routes = '', text = 0, reasoning = 0] = reply;
    if (kind === 1) this.#tell(id, routes, { kind: 'closed', epoch, length: { text, reasoning } });
    if (kind === 2) this.#tell(id, routes, { kind: 'gap' });
  }

  async remove(id: GenerationId): Promise<void> {
    this.#own.left(id);
    const routes = (await this.#connection.evaluate(REMOVE, logKeys(id), [])) as string;
    this.#tell(id, routes, { kind: 'gap' });
  }

  /** Logs and bytes that this process is writing; rejects where a server does not answer. */
  async stats(): Promise<{ logs: number; followers: number; bytes: number }> {
    const { nodes } = this.#connection;
    if (nodes.length === 0) throw unavailable(this.#connection.name, new Error('no master is known'));
    await Promise.all(nodes.map((node) => node.send(['PING']))).catch((error: unknown) => {
      throw unavailable(this.#connection.name, error);
    });
    return { ...this.#own.stats(), followers: this.#followers.total };
  }

  /** Resolves when appends can be sent to every server; rejects with the signal's reason. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.#connection.ready(signal);
    while (![...this.#nodes.values()].every((node) => node.isReady)) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#returnCheck);
    this.#stopWatching();
    this.#receiver.close();
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
  }

  async #register(id: GenerationId, from: Cursor): Promise<LogSnapshot | null> {
    const keys = logKeys(id);
    const incarnation = await this.#receiver.heardAt(this.#connection.nodeOf(keys[0]), SUBSCRIBE_PATIENCE_MS);
    const who = [this.#receiver.replica, String(incarnation), String(this.#followers.count(id)), String(this.#ttlMs)];
    const where = [String(from.epoch), String(from.at.text), String(from.at.reasoning)];
    const reply = (await this.#connection.evaluate(ATTACH, keys, [...who, ...where], 'bytes')) as AttachReply;
    if (!reply) return null;
    const [epoch, epochs, closed, fromText, fromReasoning, text, reasoning] = reply;
    return {
      epoch,
      epochs: parseEpochs(String(epochs)),
      closed: closed === 1,
      from: { text: fromText, reasoning: fromReasoning },
      text,
      reasoning,
    };
  }

  #byNode(batch: readonly Append[]): Map<LogNode | null, number[]> {
    const parts = new Map<LogNode | null, number[]>();
    if (!this.#connection.isCluster) return parts.set(this.#writerOf(batch[0]!.id), [...batch.keys()]);
    for (let index = 0; index < batch.length; index++) {
      const node = this.#writerOf(batch[index]!.id);
      const indexes = parts.get(node);
      if (indexes) indexes.push(index);
      else parts.set(node, [index]);
    }
    return parts;
  }

  #writerOf(id: GenerationId): LogNode | null {
    try {
      return this.#nodes.get(this.#connection.nodeOf(logKeys(id)[0])) ?? null;
    } catch {
      return null;
    }
  }

  #tell(id: GenerationId, routes: string, frame: Frame): void {
    this.#writerOf(id)?.tell(routes, id, frame);
  }

  #followNodes(): void {
    const nodes = new Set(this.#connection.nodes);
    for (const [node, own] of this.#nodes) {
      if (nodes.has(node)) continue;
      own.close();
      this.#nodes.delete(node);
    }
    for (const node of nodes) {
      if (this.#nodes.has(node)) continue;
      this.#nodes.set(node, new LogNode(this.#connection, node, (id, route) => this.#setRoute(id, route, 0)));
    }
  }

  #tellLeft(): void {
    const ids = [...this.#left];
    this.#left.clear();
    for (const id of ids) {
      try {
        const incarnation = this.#receiver.incarnationAt(this.#connection.nodeOf(logKeys(id)[0]));
        if (incarnation === null) continue;
        const route = { replica: this.#receiver.replica, incarnation: String(incarnation) };
        this.#setRoute(id, route, this.#followers.count(id));
      } catch {
        // Away: the route ends with its log, or when a frame reaches nobody.
      }
    }
  }

  #setRoute(id: GenerationId, { replica, incarnation }: Omit<Route, 'followers'>, followers: number): void {
    const args = [replica, incarnation, String(followers)];
    this.#connection.evaluate(ROUTE, logKeys(id), args).catch(() => {}); // As above.
  }

  #makeUp(): void {
    if (this.#unheard.size + this.#unclosed.size === 0 || !this.#connection.isReady) return;
    const unheard = [...this.#unheard];
    this.#unheard.clear();
    for (const id of unheard) this.#followers.tell(id, { kind: 'gap' });
    const unclosed = [...this.#unclosed];
    this.#unclosed.clear();
    for (const [id, epoch] of unclosed) this.close(id, epoch).catch(() => {}); // It is kept for the next look.
  }
}

const NOWHERE = { outcomes: [], error: new Error('no master is known for it') };

type OpenReply =
  | [0, standing: number]
  | [1, text: Buffer, reasoning: Buffer, epochs: Buffer, ending: Buffer, routes: Buffer]
  | [2];
type CloseReply = [kind: 0 | 1 | 2, routes?: string, text?: number, reasoning?: number];
type AttachReply =
  | [epoch: number, epochs: Buffer, closed: number, text: number, reasoning: number, Buffer, Buffer]
  | null;

function formatEpochs(epochs: readonly EpochStart[]): string {
  return epochs.map(({ epoch, at }) => `${epoch}:${at.text}.${at.reasoning};`).join('');
}

function parseEpochs(text: string): EpochStart[] {
  return [...text.matchAll(/(\d+):(\d+)\.(\d+);/g)].map(([, epoch, at, reasoning]) => ({
    epoch: Number(epoch),
    at: { text: Number(at), reasoning: Number(reasoning) },
  }));
}
