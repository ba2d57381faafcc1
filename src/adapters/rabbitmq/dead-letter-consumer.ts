import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { GenerationJob } from '../../ports/generations.ts';
import { type Broker, report } from './broker.ts';
import { parseJob } from './job-message.ts';
import { SteadyChannel } from './steady-channel.ts';
import { DEAD } from './topology.ts';

/** `reason` as the broker gives it: `delivery_limit` (its consumers died over it) or `rejected`. */
export type DeadLetter = { job: GenerationJob; reason: string };

const PREFETCH = 10;
/** Milliseconds before a letter that could not be stored is tried again. */
const RETRY_PAUSE = 1000;

/** Hands on what the lanes gave up. A letter leaves the broker only when it is stored. */
export function consumeDeadLetters(broker: Broker, store: (letter: DeadLetter) => Promise<void>): AsyncDisposable {
  const life = new AbortController();
  const take = async (channel: Channel, message: ConsumeMessage) => {
    const job = parseJob(message);
    if (!job) report('read dead letter', new Error(`A message of ${DEAD} is not a job, and is dropped.`));
    else if (!(await keepTrying(() => store({ job, reason: reasonOf(message) }), life.signal, channel))) return;
    try {
      channel.ack(message);
    } catch {
      // The channel has gone: it comes again.
    }
  };
  const channel = new SteadyChannel(broker, {
    open: (connection) => connection.createChannel(),
    opened: async (opened) => {
      await opened.prefetch(PREFETCH);
      await opened.consume(DEAD, (message) => {
        if (message) void take(opened, message);
        else
          void broker
            .declare()
            .finally(() => opened.close())
            .catch((error) => report('declare', error));
      });
    },
    lost: () => undefined,
  });
  return {
    async [Symbol.asyncDispose]() {
      life.abort();
      await channel[Symbol.asyncDispose]();
    },
  };
}

/** False where there is no point any more. */
async function keepTrying(store: () => Promise<void>, signal: AbortSignal, channel: Channel): Promise<boolean> {
  let isOpen = true;
  channel.once('close', () => {
    isOpen = false;
  });
  while (isOpen && !signal.aborted) {
    try {
      await store();
      return true;
    } catch (error) {
      report('store dead letter', error);
      await sleep(RETRY_PAUSE, undefined, { signal }).catch(() => undefined);
    }
  }
  return false;
}

function reasonOf({ properties }: ConsumeMessage): string {
  return String(properties.headers?.['x-first-death-reason'] ?? 'unknown');
}
