import { MemoryTokenLog } from '../../src/adapters/memory/token-log.ts';
import type { GenerationId } from '../../src/ports/generations.ts';
import type { Append, AppendOutcome, Frame, TokenLog } from '../../src/ports/token-log.ts';
import type { Rule } from './rules.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** As RedisTokenLog's: a batch waits so long for one server among several, any command so long for its own. */
const PATIENCE_MS = 250;
const COMMAND_TIMEOUT_MS = 1_000;
const FRAME_MS = { least: 1, most: 4 };
const RETURN_CHECK_MS = 200;
/** An owner sends again what its log has lost with its next append, or the one after. */
const LACKING_MS = 5_000;

/** One server that holds the logs of some generations, and carries their frames. */
export class SimulatedLogNode {
  readonly name: string;
  readonly store = new MemoryTokenLog();
  isDown = false;
  /** Added to every reply and every frame. */
  slowMs = 0;
  /** Logs that were seen to lack what their owner takes them to have. */
  readonly lackingSince = new Map<GenerationId, number>();

  constructor(id: number) {
    this.name = `log-${id}`;
  }
}

export function nodeOf<T>(nodes: readonly T[], id: GenerationId): T {
  let hash = 7;
  for (let index = 0; index < id.length; index++) hash = (hash * 31 + id.charCodeAt(index)) >>> 0;
  return nodes[hash % nodes.length]!;
}

export type LogWatch = {
  without: Rule | undefined;
  /** The owner has heard so. */
  onAppended: (append: Append) => void;
  /** What must never be of a log, as the append shows it. */
  onWrong: (append: Append, what: string) => void;
};

/** The token log as one process reaches it: as RedisTokenLog goes about its servers. */
export function reachLog(
  process: SimulatedProcess,
  nodes: readonly SimulatedLogNode[],
  { without, onAppended, onWrong }: LogWatch,
): TokenLog {
  const reached = new Map(nodes.map((node) => [node, new ReachedNode(process, node, { without, onWrong })]));
  const at = (id: GenerationId) => reached.get(nodeOf(nodes, id))!;
  return {
    open: (id, epoch, how) => at(id).call((store) => store.open(id, epoch, how)),
    close: (id, epoch) => at(id).call((store) => store.close(id, epoch)),
    remove: (id) => at(id).call((store) => store.remove(id)),
    attach: (id, from, onFrame) => at(id).attach(id, from, onFrame),
    append: async (batch) => {
      const outcomes = await appendByNode(batch, at);
      for (const [index, { kind }] of outcomes.entries()) if (kind === 'appended') onAppended(batch[index]!);
      return outcomes;
    },
    stats: async () => ({ logs: 0, followers: 0, bytes: 0 }),
  };
}

async function appendByNode(batch: readonly Append[], at: (id: GenerationId) => ReachedNode) {
  const parts = new Map<ReachedNode, number[]>();
  for (const [index, { id }] of batch.entries()) parts.set(at(id), [...(parts.get(at(id)) ?? []), index]);
  const patienceMs = parts.size === 1 ? COMMAND_TIMEOUT_MS : PATIENCE_MS;
  const outcomes: AppendOutcome[] = new Array(batch.length);
  let failure: unknown = null;
  let answered = 0;
  await Promise.all(
    [...parts].map(async ([node, indexes]) => {
      try {
        const part = await node.append(
          indexes.map((index) => batch[index]!),
          patienceMs,
        );
        for (const [n, index] of indexes.entries()) outcomes[index] = part[n]!;
        answered += indexes.length;
      } catch (error) {
        failure = error;
        for (const index of indexes) outcomes[index] = { kind: 'failed', error };
      }
    }),
  );
  if (answered === 0 && failure) throw failure;
  return outcomes;
}

/** One server as one process reaches it. */
class ReachedNode {
  readonly #process: SimulatedProcess;
  readonly #node: SimulatedLogNode;
  readonly #watch: Omit<LogWatch, 'onAppended'>;
  /** A batch was not answered in time: until it is, more would only wait behind it. */
  #isBehind = false;
  /** One connection carries the frames: they keep their order. */
  #lastFrameAt = 0;

  constructor(process: SimulatedProcess, node: SimulatedLogNode, watch: Omit<LogWatch, 'onAppended'>) {
    this.#process = process;
    this.#node = node;
    this.#watch = watch;
  }

  /** Where it takes too long the caller hears of a failure, and nobody of the frames. */
  async call<T>(work: (store: MemoryTokenLog) => Promise<T>): Promise<T> {
    const { result, tell, isLate } = await this.#exchange(work);
    if (isLate) throw new Error(`${this.#node.name} did not answer in time`);
    tell();
    return result;
  }

  async append(batch: readonly Append[], patienceMs: number): Promise<readonly AppendOutcome[]> {
    if (this.#isBehind) throw new Error(`${this.#node.name} is behind`);
    const exchange = this.#exchange(() => appendTo(this.#node, this.#process.now, batch, this.#watch));
    // Its frames go when the replies are there, also where nobody waits any more.
    const replied = exchange.then(({ result, tell }) => {
      tell();
      return result;
    });
    if (this.#node.slowMs <= patienceMs) return await replied;
    const late = this.#process.step(patienceMs).then(() => 'late' as const);
    const first = await Promise.race([replied, late]);
    if (first !== 'late') return first;
    this.#isBehind = true;
    void replied.catch(() => {}).then(() => (this.#isBehind = false));
    throw new Error(`${this.#node.name} did not answer within ${patienceMs} ms`);
  }

  async attach(id: GenerationId, from: Parameters<TokenLog['attach']>[1], onFrame: (frame: Frame) => void) {
    const state = { isOver: false, leave: () => {} };
    const detach = () => {
      state.isOver = true;
      state.leave();
    };
    this.#process.onDeath(detach);
    try {
      const { snapshot } = await this.call(async (store) => {
        const attachment = await store.attach(id, from, (frame) => this.#hear(frame, onFrame));
        state.leave = () => attachment.detach();
        if (state.isOver) attachment.detach();
        return attachment;
      });
      return { snapshot, detach };
    } catch {
      // As where there is no log: the row says how it stands. A gap follows once the server is back.
      this.#tellOnReturn(state, onFrame);
      return { snapshot: null, detach };
    }
  }

  #tellOnReturn(state: { isOver: boolean }, onFrame: (frame: Frame) => void): void {
    this.#process.later(RETURN_CHECK_MS, () => {
      if (state.isOver) return;
      if (this.#node.isDown) this.#tellOnReturn(state, onFrame);
      else onFrame({ kind: 'gap' });
    });
  }

  #hear(frame: Frame, onFrame: (frame: Frame) => void): void {
    const copy =
      frame.kind === 'bytes' ? { ...frame, text: frame.text.slice(), reasoning: frame.reasoning.slice() } : frame;
    const { now } = this.#process;
    const due = now + this.#node.slowMs + this.#process.between(FRAME_MS.least, FRAME_MS.most);
    this.#lastFrameAt = Math.max(this.#lastFrameAt, due);
    this.#process.later(this.#lastFrameAt - now, () => onFrame(copy));
  }

  async #exchange<T>(work: (store: MemoryTokenLog) => Promise<T>) {
    await this.#process.step();
    this.#needUp();
    const { result, tell } = this.#node.store.holdingFrames(() => work(this.#node.store));
    const settled = await result.then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    const { slowMs } = this.#node;
    await this.#process.step();
    if (slowMs > 0) await this.#process.step(Math.min(slowMs, COMMAND_TIMEOUT_MS));
    this.#needUp();
    return { result: settled(), tell, isLate: slowMs > COMMAND_TIMEOUT_MS };
  }

  #needUp(): void {
    if (this.#node.isDown) throw new Error(`${this.#node.name} is away`);
  }
}

/**
 * Of the owner whose epoch stands: the log has nothing that it did not write, and lacks nothing for long of what
 * it has written.
 */
function wrongOf(node: SimulatedLogNode, now: number, { id, epoch, at, text }: Append): string | null {
  const log = node.store.look(id);
  const lacks = log?.record.epoch === epoch && !log.record.closed && log.record.length.text < at.text;
  if (!lacks) node.lackingSince.delete(id);
  if (log?.record.epoch !== epoch || log.record.closed) return null;
  const behind = log.text.subarray(at.text);
  if (Buffer.compare(behind, text.subarray(0, behind.length)) !== 0) return 'has what its owner did not write';
  if (!lacks) return null;
  const since = node.lackingSince.get(id) ?? now;
  node.lackingSince.set(id, since);
  return now - since > LACKING_MS ? `has lacked for ${now - since} ms what its owner has written` : null;
}

/** What a rule of the log that is switched off makes of an append. */
async function appendTo(
  node: SimulatedLogNode,
  now: number,
  batch: readonly Append[],
  { without, onWrong }: Omit<LogWatch, 'onAppended'>,
) {
  const outcomes: AppendOutcome[] = [];
  for (const append of batch) {
    const wrong = wrongOf(node, now, append);
    if (wrong) onWrong(append, wrong);
    const [outcome] = await node.store.append([append]);
    outcomes.push(await withoutRule(node.store, append, outcome!, without));
  }
  return outcomes;
}

async function withoutRule(
  store: MemoryTokenLog,
  append: Append,
  outcome: AppendOutcome,
  without: Rule | undefined,
): Promise<AppendOutcome> {
  if (outcome.kind !== 'refused' || outcome.closed || outcome.epoch === 0) return outcome;
  const isFenced = outcome.epoch !== append.epoch;
  const asIfRight = async (as: Partial<Append>) => (await store.append([{ ...append, ...as }]))[0]!;
  if (without === 'epoch-fence' && isFenced) {
    const other = await asIfRight({ epoch: outcome.epoch });
    return other.kind === 'refused' ? { ...other, epoch: append.epoch } : other;
  }
  if (without === 'position-check' && !isFenced) return await asIfRight({ at: outcome.at });
  if (without === 'resend' && !isFenced) return { kind: 'appended', followers: 0 };
  return outcome;
}
