import type { GenerationId } from '../../ports/generations.ts';
import type { Append, AppendOutcome, Frame } from '../../ports/token-log.ts';
import { appendArguments, readAppendReplies, writeAppends } from './append-batch.ts';
import type { RedisConnection } from './connection.ts';
import { frameChannel } from './frame-receiver.ts';
import { FrameSender, type Route, RouteParser } from './frame-sender.ts';
import { Pipeline } from './pipeline.ts';
import type { RedisNode } from './redis-node.ts';
import { type Reply, RespError, RespWriter } from './resp.ts';
import { APPEND, APPEND_MORE } from './token-log-scripts.ts';
import { RedisTimeout } from './unavailable.ts';

/** Null: not known whether it was appended. */
export type NodeOutcomes = { outcomes: (AppendOutcome | null)[]; error: unknown };

/** Enough that calling the script is cheap beside what it does; few enough that others get their turn. */
const APPENDS_PER_SCRIPT = 32;

/** The logs that one server holds, as seen by a process that writes them: appends and frames. */
export class LogNode {
  readonly node: RedisNode;
  readonly #connection: RedisConnection;
  readonly #pipeline: Pipeline;
  readonly #sender: FrameSender;
  readonly #routes = new RouteParser();
  readonly #parse = (routes: string) => this.#routes.parse(routes);
  readonly #writer = new RespWriter();
  /** A batch was not answered in time: until it is, more would only wait behind it. */
  #isBehind = false;

  constructor(connection: RedisConnection, node: RedisNode, onNobody: (id: GenerationId, route: Route) => void) {
    this.node = node;
    this.#connection = connection;
    this.#pipeline = new Pipeline(node, [APPEND, APPEND_MORE]);
    this.#sender = new FrameSender(this.#pipeline, (replica) => frameChannel(connection, node, replica), onNobody);
  }

  get isReady(): boolean {
    return this.#pipeline.isReady;
  }

  /** Never rejects. The frames of a batch go when its replies are there, also where nobody waits any more. */
  append(batch: readonly Append[], patienceMs: number): Promise<NodeOutcomes> {
    const outcomes: (AppendOutcome | null)[] = new Array(batch.length).fill(null);
    if (!this.#pipeline.isReady || this.#isBehind) {
      const error = new Error(`${this.node.name} is ${this.#isBehind ? 'behind' : 'not connected'}`);
      return Promise.resolve({ outcomes, error });
    }
    // The logs of a cluster are in different slots, which no script may span.
    const perScript = this.#connection.isCluster ? 1 : APPENDS_PER_SCRIPT;
    const counts = writeAppends(this.#writer, batch, perScript);
    const elsewhere: number[] = [];
    let taken = 0;
    return new Promise((resolve) => {
      let isOver = false;
      const giveUp = () => {
        if (isOver) return;
        this.#isBehind = true;
        resolve({ outcomes: [...outcomes], error: new RedisTimeout(this.node.name, patienceMs) });
      };
      // Not before what has arrived is read: it may be this process that was slow.
      const patience = setTimeout(() => setImmediate(giveUp), patienceMs);
      const end = (error: unknown) => {
        isOver = true;
        clearTimeout(patience);
        this.#isBehind = false;
        resolve({ outcomes, error });
      };
      this.#pipeline.send(this.#writer.take(), {
        commands: counts.length,
        take: (reply, command) => {
          const count = counts[command]!;
          const isTaken = this.#take(batch, taken, reply, outcomes);
          for (let n = taken; !isTaken && n < taken + count; n++) elsewhere.push(n);
          taken += count;
        },
        done: () => {
          this.#sender.flush();
          if (elsewhere.length === 0) end(null);
          else void this.#appendElsewhere(batch, elsewhere, outcomes).then(end);
        },
        failed: end,
      });
    });
  }

  tell(routes: string, id: GenerationId, frame: Frame): void {
    if (routes === '') return;
    this.#sender.add(this.#parse(routes), id, frame);
    this.#sender.flush();
  }

  close(): void {
    this.#pipeline.close();
  }

  /** False where the server refused the whole command. */
  #take(batch: readonly Append[], from: number, reply: Reply, outcomes: (AppendOutcome | null)[]): boolean {
    const read = readAppendReplies(reply, this.#parse);
    if (read instanceof RespError) return false;
    for (let n = 0; n < read.length; n++) {
      const { outcome, routes } = read[n]!;
      outcomes[from + n] = outcome;
      const { id, epoch, at, text, reasoning } = batch[from + n]!;
      if (routes && routes.followers > 0 && text.length + reasoning.length > 0) {
        this.#sender.add(routes, id, { kind: 'bytes', epoch, at, text, reasoning });
      }
    }
    return true;
  }

  /** The slow way for those whose slot has moved or whose script was flushed: it follows redirections. */
  async #appendElsewhere(
    batch: readonly Append[],
    elsewhere: readonly number[],
    outcomes: (AppendOutcome | null)[],
  ): Promise<unknown> {
    try {
      for (const index of elsewhere) {
        const { keys, args } = appendArguments(batch[index]!);
        const reply = (await this.#connection.evaluate(APPEND_MORE, keys, args)) as Reply;
        this.#take(batch, index, reply, outcomes);
      }
      return null;
    } catch (error) {
      return error;
    } finally {
      this.#sender.flush();
    }
  }
}
