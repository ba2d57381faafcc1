import { acceptMessage } from '../../src/core/accept-message.ts';
import { answerDirectly } from '../../src/core/answer-directly.ts';
import type { MessageRequest } from '../../src/core/message-request.ts';
import { stopGeneration } from '../../src/core/stop-generation.ts';
import type { Generation, GenerationId } from '../../src/ports/generations.ts';
import { ChatError } from '../../src/protocol/errors.ts';
import { LANES } from '../../src/protocol/generation.ts';
import { isSlow } from './simulated-inference.ts';
import { readAnswer } from './simulated-reader.ts';
import type { World } from './world.ts';

const SEND_TIMEOUT_MS = 3_000;
const STOP_TIMEOUT_MS = 25_000;
const STOP_SHARE = { usual: 0.15, slow: 0.5 };
const STOP_ACK_TIMEOUT_MS = 250;

/** A stop that was answered: when, and with what. */
export type Stop = { id: GenerationId; answeredAt: number; answer: Generation };

/** What people were told; a request that nobody acknowledged is in none of it. */
export type Told = { accepted: Generation[]; askedToStop: Set<GenerationId>; stops: Stop[]; sending: number };

export function nobodyYet(): Told {
  return { accepted: [], askedToStop: new Set(), stops: [], sending: 0 };
}

/** So much is asked again at once: an answer beside the last one, whether that has ended or not. */
const AGAIN_SHARE = 0.15;

/** A person with two conversations, who sends without waiting for answers, and stops some of them. */
export async function talk(world: World, user: string, messages: number, everyMs: number, told: Told): Promise<void> {
  const numbers: number[] = [];
  let last: { generation: Generation; content: string } | null = null;
  for (let index = 0; index < messages; index++) {
    await world.client.sleep(world.scheduler.between(1, everyMs));
    const number = numbers.length < 2 ? null : world.scheduler.pick(numbers);
    const key = `${user}-${index}`;
    const again: typeof last = world.scheduler.random() < AGAIN_SHARE ? last : null;
    const content: string = again?.content ?? `${key} says ${world.scheduler.between(0, 1e9)}`;
    const generation: Generation = await send(
      world,
      again
        ? {
            user,
            number: again.generation.conversationNumber,
            key,
            request: { kind: 'regenerate', messageId: again.generation.id },
          }
        : { user, number, key, request: { kind: 'message', content } },
      told,
    );
    last = { generation, content };
    if (!again && number === null) numbers.push(generation.conversationNumber);
    const share = isSlow(content) ? STOP_SHARE.slow : STOP_SHARE.usual;
    if (world.scheduler.random() < share) void stopLater(world, generation, told);
  }
}

type Request = { user: string; number: number | null; key: string; request: MessageRequest['request'] };

/** With one key until somebody acknowledges it. */
export async function send(
  world: World,
  { user, number, key, request }: Request,
  { accepted }: Told,
): Promise<Generation> {
  const { scheduler } = world;
  const direct = user !== 'hog' && scheduler.random() < 0.15;
  const lane = user === 'hog' ? 'chat' : scheduler.pick(LANES);
  for (;;) {
    const api = world.anyApi();
    const attempt =
      api &&
      acceptMessage(api.ports, world.limits, {
        workspace: { id: world.workspaceId, name: 'simulated' },
        externalUserId: user,
        ...(number !== null && { conversation: number }),
        request,
        lane,
        direct,
        params: { maxTokens: 1_000 },
        idempotency: { key, bodyHash: key },
      }).catch((error: unknown) => refusedWrongly(world, key, error));
    const answer = await Promise.race([attempt, world.client.sleep(SEND_TIMEOUT_MS)]);
    if (!api || !answer) {
      await world.client.sleep(scheduler.between(50, 300));
      continue;
    }
    const { generation, replayed } = answer;
    if (generation.direct && !replayed) void answerDirectly(api.runner, generation).catch(() => {});
    accepted.push(generation);
    void readAnswer(world, generation);
    return generation;
  }
}

/** At any moment of its life: queued, running, while its user moves, about when it ends, and after. */
async function stopLater(world: World, generation: Generation, told: Told): Promise<void> {
  const { scheduler, directory } = world;
  const { id, userId } = generation;
  await world.client.sleep(scheduler.between(1, scheduler.pick([50, 1_000, 4_000, 12_000])));
  const moving = scheduler.random() < 0.3;
  for (let looks = 0; moving && looks < 200 && !directory.moves.has(userId); looks++) await world.client.sleep(20);
  told.askedToStop.add(id);
  for (let tries = 0; tries < 20; tries++) {
    const api = world.anyApi();
    const settings = { dispatch: world.limits.dispatch, stopAckTimeoutMs: STOP_ACK_TIMEOUT_MS };
    const attempt =
      api &&
      stopGeneration(api.ports, settings, world.workspaceId, id).catch((error: unknown) =>
        refusedWrongly(world, id, error),
      );
    const answer = await Promise.race([attempt, world.client.sleep(STOP_TIMEOUT_MS)]);
    if (answer) {
      told.stops.push({ id, answeredAt: scheduler.now, answer });
      return;
    }
    await world.client.sleep(200);
  }
}

/** That something is away is an answer; that what was acknowledged is not there is none. */
export function refusedWrongly(world: World, what: string, error: unknown): null {
  if (error instanceof ChatError && error.code.endsWith('_not_found')) world.witness.note(`${what}: ${error.code}`);
  return null;
}
