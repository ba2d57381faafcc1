import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { FileTokenLog } from '../../src/adapters/file/token-log.ts';
import { MemoryTokenLog } from '../../src/adapters/memory/token-log.ts';
import { SystemClock } from '../../src/adapters/system/clock.ts';
import type { Ending, TokenLog } from '../../src/ports/token-log.ts';
import type { EpochStart, Position } from '../../src/protocol/position.ts';
import { LogFollower } from '../contracts/log-follower.ts';

const ID = 'generation-1';
const ENDING: Ending = {
  finishReason: 'stop',
  usage: { promptTokens: 1, reusedTokens: 0, completionTokens: 1 },
  model: 'm',
};
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const lengthOf = (text: string) => encode(text).length;

/** The log as one would first write it down: strings, and no thought of speed. */
class ModelLog {
  standing: {
    epoch: number;
    epochs: EpochStart[];
    text: string;
    reasoning: string;
    ended: boolean;
    closed: boolean;
  } | null = null;

  get at(): Position {
    return { text: lengthOf(this.standing?.text ?? ''), reasoning: lengthOf(this.standing?.reasoning ?? '') };
  }

  open(epoch: number, kind: 'continue' | 'fresh' | 'restore', restored: string): unknown {
    if (this.standing && this.standing.epoch >= epoch) return { kind: 'refused', epoch: this.standing.epoch };
    const old = this.standing ?? { epochs: [], text: '', reasoning: '', ended: false };
    const at = kind === 'continue' ? this.at : { text: 0, reasoning: 0 };
    const begins = [...(kind === 'restore' ? [] : old.epochs), { epoch, at }];
    const kept = kind === 'continue' ? old : { text: kind === 'restore' ? restored : '', reasoning: '', ended: false };
    this.standing = {
      epoch,
      epochs: begins,
      text: kept.text,
      reasoning: kept.reasoning,
      ended: kept.ended,
      closed: false,
    };
    return {
      kind: 'opened',
      text: kept.text,
      reasoning: kept.reasoning,
      epochs: begins,
      ending: kept.ended ? ENDING : null,
    };
  }

  append(epoch: number, at: Position, text: string, reasoning: string, ending: boolean): unknown {
    const log = this.standing;
    if (!log) return { kind: 'refused', epoch: 0, at: this.at, closed: false };
    const fits = log.epoch === epoch && !log.closed && this.at.text === at.text && this.at.reasoning === at.reasoning;
    if (!fits) return { kind: 'refused', epoch: log.epoch, at: this.at, closed: log.closed };
    log.ended = ending || (log.ended && text + reasoning === '');
    log.text += text;
    log.reasoning += reasoning;
    return { kind: 'appended', followers: 0 };
  }

  close(epoch: number): void {
    if (!this.standing || epoch < this.standing.epoch) return;
    if (epoch > this.standing.epoch) this.standing = null;
    else this.standing.closed = true;
  }
}

const text = fc.string({ unit: fc.constantFrom('a', 'ß', '中', '😀', '\n'), maxLength: 5 });
const epoch = fc.integer({ min: 1, max: 6 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      epoch,
      how: fc.constantFrom('continue' as const, 'fresh' as const, 'restore' as const),
      text,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      epoch: fc.option(epoch),
      off: fc.constantFrom(0, 0, 0, 0, -1, 1),
      text,
      reasoning: text,
      ending: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), epoch }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function compare(log: TokenLog, model: ModelLog, one: Step): Promise<void> {
  if (one.do === 'remove') {
    model.standing = null;
    await log.remove(ID);
  } else if (one.do === 'close') {
    model.close(one.epoch);
    await log.close(ID, one.epoch);
  } else if (one.do === 'open') {
    const restore = {
      text: encode(one.text),
      reasoning: encode(''),
      epochs: [{ epoch: one.epoch, at: { text: 0, reasoning: 0 } }],
    };
    const outcome = await log.open(
      ID,
      one.epoch,
      one.how === 'restore' ? { kind: 'restore', ...restore } : { kind: one.how },
    );
    const readable =
      outcome.kind === 'opened'
        ? { ...outcome, text: decode(outcome.text), reasoning: decode(outcome.reasoning) }
        : outcome;
    expect(readable).toEqual(model.open(one.epoch, one.how, one.text));
  } else {
    const at = { text: Math.max(0, model.at.text + one.off), reasoning: model.at.reasoning };
    const under = one.epoch ?? model.standing?.epoch ?? 1;
    const [outcome] = await log.append([
      {
        id: ID,
        epoch: under,
        at,
        text: encode(one.text),
        reasoning: encode(one.reasoning),
        ...(one.ending && { ending: ENDING }),
      },
    ]);
    expect(outcome).toEqual(model.append(under, at, one.text, one.reasoning, one.ending));
  }
  const { snapshot, detach } = await log.attach(ID, { epoch: 0, at: { text: 0, reasoning: 0 } }, () => {});
  detach();
  expect(
    snapshot && {
      text: decode(snapshot.text),
      reasoning: decode(snapshot.reasoning),
      epoch: snapshot.epoch,
      closed: snapshot.closed,
    },
  ).toEqual(
    model.standing && {
      text: model.standing.text,
      reasoning: model.standing.reasoning,
      epoch: model.standing.epoch,
      closed: model.standing.closed,
    },
  );
}

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-log-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('a token log and its model', () => {
  it('agree on every outcome, in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const [log, model] = [new MemoryTokenLog(), new ModelLog()];
        for (const one of steps) await compare(log, model, one);
      }),
      { numRuns: 300 },
    );
  });

  it('agree on every outcome, in files, also when their process dies at any step', async () => {
    const steps = fc.array(fc.record({ one: step, dies: fc.boolean() }), { maxLength: 25, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const [folder, model] = [newFolder(), new ModelLog()];
        const start = () => new FileTokenLog({ folder, clock: new SystemClock(), maxOpenFiles: 2 });
        const logs = [start()];
        for (const { one, dies } of all) {
          if (dies) logs.push(start());
          await compare(logs.at(-1) as FileTokenLog, model, one);
        }
        for (const log of logs) await log[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });
});

/** One owner's turn, as the port wants it: it puts back what the log lost, and gives way to a newer epoch. */
class Owner {
  fenced = false;
  text = '';
  #epochs: readonly EpochStart[] = [];
  #stored = 0;
  readonly #log: TokenLog;
  readonly epoch: number;

  constructor(log: TokenLog, epoch: number) {
    this.#log = log;
    this.epoch = epoch;
  }

  async open(kind: 'continue' | 'fresh'): Promise<void> {
    const outcome = await this.#log.open(ID, this.epoch, { kind });
    if (outcome.kind === 'refused') {
      this.fenced = true;
      return;
    }
    this.text = decode(outcome.text);
    this.#epochs = outcome.epochs;
    this.#stored = outcome.text.length;
  }

  async write(more: string): Promise<void> {
    this.text += more;
    while (!this.fenced) {
      const bytes = encode(this.text);
      const at = { text: this.#stored, reasoning: 0 };
      const [outcome] = await this.#log.append([
        { id: ID, epoch: this.epoch, at, text: bytes.subarray(this.#stored), reasoning: encode('') },
      ]);
      if (outcome?.kind === 'appended') {
        this.#stored = bytes.length;
        return;
      }
      if (!outcome || outcome.kind === 'failed') throw new Error('a log in this process cannot be away');
      if (outcome.epoch > this.epoch) this.fenced = true;
      else if (outcome.epoch === this.epoch) this.#stored = outcome.at.text;
      else await this.#restore(bytes);
    }
  }

  async #restore(text: Uint8Array): Promise<void> {
    const how = { kind: 'restore', text, reasoning: encode(''), epochs: this.#epochs } as const;
    const outcome = await this.#log.open(ID, this.epoch, how);
    if (outcome.kind === 'refused') this.fenced = true;
    this.#stored = text.length;
  }
}

const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('own' as const),
      how: fc.constantFrom('continue' as const, 'continue' as const, 'fresh' as const),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('write' as const), by: fc.nat(2), text }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('follow' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('frames' as const), lost: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('checkpoint' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('failover' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseTail' as const), bytes: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseAll' as const) }) },
);

describe('followers', () => {
  it('end with exactly the bytes of the log, whatever was lost and whoever wrote', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60, size: 'max' }), text, async (events, last) => {
        const log = new MemoryTokenLog();
        const owners: Owner[] = [];
        const followers: LogFollower[] = [];
        let failover = log.checkpoint();
        const own = async (how: 'continue' | 'fresh') => {
          const owner = new Owner(log, owners.length + 1);
          owners.push(owner);
          await owner.open(how);
          return owner;
        };
        for (const one of events) {
          if (one.do === 'own') await own(one.how);
          if (one.do === 'write') await owners.at(-1 - one.by)?.write(one.text);
          if (one.do === 'follow') {
            const follower = new LogFollower(log, ID);
            followers.push(follower);
            await follower.attach();
          }
          if (one.do === 'leave') followers[one.who]?.leave();
          if (one.do === 'frames') log.dropFrames(one.lost);
          if (one.do === 'checkpoint') failover = log.checkpoint();
          if (one.do === 'failover') failover();
          if (one.do === 'loseTail') log.loseTail(ID, one.bytes);
          if (one.do === 'loseAll') log.loseAll();
          for (const follower of followers) await follower.idle();
        }
        const finisher = await own('continue');
        await finisher.write(last);
        log.dropFrames(false);
        await log.close(ID, finisher.epoch);
        for (const follower of followers) await follower.attach();
        for (const follower of followers) await follower.idle();
        for (const follower of followers) expect(follower).toMatchObject({ text: finisher.text, ended: true });
      }),
      { numRuns: 4000 },
    );
  });
});
