import type { Clock } from '../ports/clock.ts';
import type { GenerationQueue } from '../ports/generation-queue.ts';
import type { DispatchWindow, Generation, GenerationJob, UserId } from '../ports/generations.ts';
import type { Outbox, Published } from '../ports/outbox.ts';
import type { LineView, WaitingLine } from '../ports/waiting-line.ts';
import { LANES, type Lane } from '../protocol/generation.ts';
import { portFailed } from '../telemetry/events.ts';

export type DispatchPorts = { queue: GenerationQueue; line: WaitingLine; outbox: Outbox; clock: Clock };

/** Generations per user and lane: while others wait, and where a user is alone (every slot there is). */
export type DispatchSettings = { perUser: number; alone: number };

/** Whether others waited so many milliseconds ago says who takes turns now. */
const CURRENT_MS = 20;

/**
 * While others wait in a lane, a user's generations take turns with theirs; a user alone gets every
 * idle slot. The broker's order within a lane is then a fair round over users.
 */
export async function dispatchWindow(
  ports: { line: WaitingLine },
  settings: DispatchSettings,
): Promise<DispatchWindow> {
  const width = async (lane: Lane) =>
    widthOf(await ports.line.look(lane, CURRENT_MS).catch(() => ({ drawn: 1, served: 0 })), settings);
  const [stream, chat, batch] = await Promise.all(LANES.map(width));
  return { stream: stream!, chat: chat!, batch: batch! };
}

/** Of one lane as it was seen, for a decision about nothing else. */
export function laneWindow(lane: Lane, view: Pick<LineView, 'drawn' | 'served'>, settings: DispatchSettings) {
  return { stream: 0, chat: 0, batch: 0, [lane]: widthOf(view, settings) };
}

const widthOf = ({ drawn, served }: Pick<LineView, 'drawn' | 'served'>, { perUser, alone }: DispatchSettings) =>
  drawn > served ? perUser : alone;

export function jobOf({ id, userId, lane, params }: Generation): GenerationJob {
  return { id, userId, lane, tokens: params.maxTokens };
}

/**
 * Publishes what is already stamped as dispatched. Never rejects: what is not confirmed stays so in its
 * row, and the sweeper returns to it. False where that is so.
 */
export async function dispatch(ports: DispatchPorts, jobs: readonly GenerationJob[]): Promise<boolean> {
  let published = true;
  for (const lane of LANES) {
    const ofLane = jobs.filter((job) => job.lane === lane);
    if (ofLane.length === 0) continue;
    try {
      const first = await ports.line.draw(
        lane,
        ofLane.map(({ tokens }) => tokens ?? null),
      );
      await publish(
        ports,
        ofLane.map((job, index) => ({ ...job, ticket: first + index })),
      );
    } catch (error) {
      portFailed({ port: 'queue', operation: 'publish', lane, error });
      published = false;
    }
  }
  return published;
}

/** A lane that has no room for all of them may have room for some. */
async function publish(ports: DispatchPorts, ticketed: readonly Published[]): Promise<void> {
  try {
    await ports.queue.publish(ticketed);
  } catch (error) {
    if (ticketed.length === 1 || (error as { code?: unknown }).code !== 'queue_full') throw error;
    const half = Math.ceil(ticketed.length / 2);
    await publish(ports, ticketed.slice(0, half));
    return await publish(ports, ticketed.slice(half));
  }
  void mark(ports, ticketed);
}

/** Nobody waits for it: what is not marked is published again. */
async function mark({ outbox }: DispatchPorts, published: readonly Published[]): Promise<void> {
  await outbox.markPublished(published).catch((error: unknown) => {
    portFailed({ port: 'outbox', operation: 'markPublished', error });
  });
}

/** What the user's windows have room for. Never rejects, for the same reason. */
export async function dispatchNext(ports: DispatchPorts, settings: DispatchSettings, userId: UserId): Promise<void> {
  try {
    await dispatch(ports, await ports.outbox.dispatchNext(userId, await dispatchWindow(ports, settings)));
  } catch (error) {
    portFailed({ port: 'outbox', operation: 'dispatchNext', error });
  }
}
