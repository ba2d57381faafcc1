import type { RunEnd } from '../core/run.ts';
import type { Runner } from '../core/runner.ts';
import type { Delivery, GenerationQueue, LaneConsumer } from '../ports/generation-queue.ts';
import { LANES, type Lane } from '../protocol/generation.ts';

/**
 * Takes jobs from every lane while the runner has slots that the lane may start. Disposed of: takes no
 * more; what runs is the runner's to drain.
 */
export async function consume(queue: GenerationQueue, runner: Runner): Promise<AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  const unsettled: Record<Lane, number> = { stream: 0, chat: 0, batch: 0 };
  const consumers = new Map<Lane, LaneConsumer>();
  const offer = () => {
    for (const lane of runner.slots.byNeed()) {
      consumers.get(lane)?.allow(unsettled[lane] + (runner.draining ? 0 : runner.slots.startable(lane)));
    }
  };
  // In one step, or the queue would be told of more room than there is and deliver the same job for ever.
  const settle = (lane: Lane, delivery: Delivery, end: RunEnd) => {
    unsettled[lane] -= 1;
    if (end.kind === 'again') delivery.requeue(end.delayMs);
    else delivery.ack();
    offer();
  };
  const take = (lane: Lane, delivery: Delivery) => {
    unsettled[lane] += 1;
    const giveBack = runner.draining ? null : runner.slots.take(lane);
    // Two lanes may have been offered the same slot: the later job goes back.
    if (!giveBack) settle(lane, delivery, { kind: 'again', delayMs: 0 });
    else void runner.run(delivery.job, giveBack).then((end) => settle(lane, delivery, end));
  };
  for (const lane of LANES) {
    consumers.set(lane, stack.use(await queue.consume(lane, (delivery) => take(lane, delivery))));
  }
  runner.slots.onChange(offer);
  offer();
  return stack;
}
