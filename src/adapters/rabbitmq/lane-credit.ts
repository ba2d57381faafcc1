/**
 * A consumer as AMQP knows it. `prefetch` bounds its unsettled messages for as long as it is open; ended, it
 * gets no more, and holds what is unsettled. Gone with its queue, so is all that it had delivered. `afterwards`:
 * settlements that wait until it has ended.
 */
export type Subscription = {
  tag: string;
  prefetch: number;
  unsettled: number;
  state: 'open' | 'ending' | 'ended' | 'gone';
  afterwards: (() => void)[];
};

export type Credit = { allowed: number; subscriptions: ReadonlySet<Subscription> };

export type Plan = { kind: 'more'; count: number } | { kind: 'less'; end: Subscription[] } | { kind: 'as-is' };

/** Idle subscriptions beyond which they become one. */
const MOST_IDLE = 6;

/**
 * Credit may stray from what is allowed by a factor of two before the broker is troubled: it costs a round trip
 * and an entry in the queue's log each time. No more than is allowed is ever handed on, whatever arrives.
 */
export function planCredit({ allowed, subscriptions }: Credit): Plan {
  const { committed, unsettled, free } = totals(subscriptions);
  const startable = Math.max(0, allowed - unsettled);
  const open = [...subscriptions].filter(({ state }) => state === 'open');
  if (free > 2 * startable) return { kind: 'less', end: largestFirst(open, free - startable) };
  const idle = open.filter((one) => one.unsettled === 0);
  if (idle.length > MOST_IDLE) return { kind: 'less', end: idle };
  const room = allowed - committed;
  if (room > 0 && room >= free) return { kind: 'more', count: room };
  return { kind: 'as-is' };
}

/** Whether the credit of one more settled message would be beyond what may stand. */
export function renewsTooMuch({ allowed, subscriptions }: Credit): boolean {
  const { unsettled, free } = totals(subscriptions);
  return free + 1 > 2 * Math.max(0, allowed - (unsettled - 1));
}

function largestFirst(open: Subscription[], excess: number): Subscription[] {
  const end: Subscription[] = [];
  const free = ({ prefetch, unsettled }: Subscription) => prefetch - unsettled;
  for (const one of open.sort((a, b) => free(b) - free(a))) {
    if (excess <= 0 || free(one) <= 0) break;
    end.push(one);
    excess -= free(one);
  }
  return end;
}

function totals(subscriptions: ReadonlySet<Subscription>): { committed: number; unsettled: number; free: number } {
  let [committed, unsettled, free] = [0, 0, 0];
  for (const one of subscriptions) {
    committed += one.state === 'ended' ? one.unsettled : one.prefetch;
    unsettled += one.unsettled;
    if (one.state === 'open') free += one.prefetch - one.unsettled;
  }
  return { committed, unsettled, free };
}
