import type { Channel, ConsumeMessage } from 'amqplib';
import type { Delivery, LaneConsumer } from '../../ports/generation-queue.ts';
import type { GenerationJob } from '../../ports/generations.ts';
import type { Lane } from '../../protocol/generation.ts';
import { type Broker, closeFully, report } from './broker.ts';
import { parseJob } from './job-message.ts';
import { type Credit, type Plan, planCredit, renewsTooMuch, type Subscription } from './lane-credit.ts';
import type { Message, Publisher } from './publisher.ts';
import { isMissing, SteadyChannel } from './steady-channel.ts';
import { LANE_EXCHANGE, laneQueue, nearestRetry, presenceQueue } from './topology.ts';

/** Milliseconds that too much credit may stand: what is allowed wavers with every slot taken and given back. */
const LOWER_AFTER = 50;
/** A message given back unseen this often is published afresh, which starts the broker's count of redeliveries again. */
const RETURNS_BEFORE_REPUBLISH = 5;
const LARGEST_PREFETCH = 65_535;

const PRESENCE = 'presence';

type Session = { channel: Channel; subscriptions: Set<Subscription>; prefetch: number; lastTag: number };
type Unsettled = { session: Session; subscription: Subscription; message: ConsumeMessage; job: GenerationJob };

export type LaneConsumerOptions = {
  broker: Broker;
  publisher: Publisher;
  lane: Lane;
  handle: (delivery: Delivery) => void;
};

/**
 * One lane of one process. AMQP fixes the prefetch of a subscription when it begins, so what is allowed is the
 * sum of several on one channel: more is another subscription, less is one that is ended (what it has delivered
 * may still be settled). See docs/adr/0014.
 */
export class RabbitMqLaneConsumer implements LaneConsumer {
  readonly #options: LaneConsumerOptions;
  readonly #channel: SteadyChannel;
  #session: Session | null = null;
  #allowed = 0;
  /** With the handler, unsettled. */
  #handed = 0;
  /** Delivered beyond what is allowed: waits for a slot, or goes back. */
  #held: Unsettled[] = [];
  #adjusting = false;
  #scheduled = false;
  #lowering: NodeJS.Timeout | null = null;
  #isLowering = false;
  #leaving = false;
  #idle = Promise.withResolvers<void>();

  constructor(options: LaneConsumerOptions) {
    this.#options = options;
    this.#channel = new SteadyChannel(options.broker, {
      open: (connection) => connection.createChannel(),
      opened: async (channel) => {
        await options.broker.answered(channel.prefetch(1));
        await this.#showPresence(channel);
        this.#session = { channel, subscriptions: new Set(), prefetch: 1, lastTag: 0 };
        this.#adjustSoon();
      },
      lost: () => {
        this.#drop();
        if (this.#leaving) void this.close();
      },
    });
  }

  allow(count: number): void {
    if (this.#leaving) return;
    this.#allowed = count;
    this.#adjustSoon();
  }

  /** Resolves when nothing more will be delivered. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#leaving) {
      this.#leaving = true;
      void this.#session?.channel.cancel(PRESENCE).catch(() => undefined);
      this.#allowed = 0;
      this.#isLowering = true;
      this.#adjustSoon();
    }
    await this.#idle.promise;
  }

  /** The channel goes, and with it whatever is unsettled. */
  async close(): Promise<void> {
    if (this.#lowering) clearTimeout(this.#lowering);
    this.#drop();
    this.#idle.resolve();
    await this.#channel[Symbol.asyncDispose]();
  }

  get #credit(): Credit {
    return { allowed: this.#allowed, subscriptions: this.#session?.subscriptions ?? new Set() };
  }

  #drop(): void {
    this.#session = null;
    this.#handed = 0;
    this.#held = [];
  }

  #delivered(session: Session, subscription: Subscription, message: ConsumeMessage | null): void {
    if (message === null) {
      this.#queueIsGone(session, subscription);
      return;
    }
    subscription.unsettled++;
    const job = parseJob(message);
    if (!job) {
      report('read job', new Error(`A message of ${laneQueue(this.#options.lane)} is not a job.`));
      session.channel.reject(message, false);
      subscription.unsettled--;
      return;
    }
    const unsettled = { session, subscription, message, job };
    if (this.#handed < this.#allowed) {
      this.#hand(unsettled);
      return;
    }
    this.#held.push(unsettled);
    this.#adjustSoon();
  }

  /** With all that was delivered from it: it is made again, and the rows bring what it held. */
  #queueIsGone(session: Session, subscription: Subscription): void {
    const held = this.#held.filter((unsettled) => unsettled.subscription === subscription);
    this.#held = this.#held.filter((unsettled) => unsettled.subscription !== subscription);
    this.#handed -= subscription.unsettled - held.length;
    subscription.state = 'gone';
    session.subscriptions.delete(subscription);
    this.#makeAgain(session.channel, async () => this.#adjustSoon());
  }

  /** Where that fails, the channel begins anew, and with it the attempt. */
  #makeAgain(channel: Channel, then: () => Promise<void>): void {
    const again = this.#options.broker.declare().then(then);
    again.catch((error) => {
      report('declare', error);
      return closeFully(channel);
    });
  }

  async #showPresence(channel: Channel): Promise<void> {
    const { broker, lane } = this.#options;
    const onMessage = (message: ConsumeMessage | null) => {
      if (!message && !this.#leaving) this.#makeAgain(channel, () => this.#showPresence(channel));
    };
    await broker.answered(channel.consume(presenceQueue(lane), onMessage, { consumerTag: PRESENCE }));
  }

  #isLost({ session, subscription }: Unsettled): boolean {
    return session !== this.#session || subscription.state === 'gone';
  }

  #hand(unsettled: Unsettled): void {
    this.#handed++;
    let settled = false;
    const once = () => {
      if (settled) throw new Error('A delivery is settled once.');
      settled = true;
    };
    this.#options.handle({
      job: unsettled.job,
      ack: () => {
        once();
        this.#settle(unsettled);
      },
      requeue: (delayMs) => {
        once();
        void this.#sendAgain(unsettled, delayMs <= 0 ? LANE_EXCHANGE : nearestRetry(delayMs));
      },
    });
  }

  #settle(unsettled: Unsettled): void {
    if (this.#isLost(unsettled)) return;
    this.#handed--;
    this.#release(unsettled, () => unsettled.session.channel.ack(unsettled.message));
    this.#adjustSoon();
  }

  /** It is in its next queue for certain before it leaves this one. */
  async #sendAgain(unsettled: Unsettled, exchange: string): Promise<void> {
    const { session, message, job } = unsettled;
    if (this.#isLost(unsettled)) return;
    const sent = await this.#republish({ exchange, job });
    if (this.#isLost(unsettled)) return;
    this.#handed--;
    this.#release(unsettled, () => {
      if (sent) session.channel.ack(message);
      else session.channel.nack(message, false, true);
    });
    this.#adjustSoon();
  }

  #republish(message: Message): Promise<boolean> {
    return this.#options.publisher.publish([message]).then(
      () => true,
      () => false,
    );
  }

  /**
   * Settling renews the credit of its subscription. Where that would be too much, the subscription is ended
   * first: the broker does what a channel asks in order.
   */
  #release(unsettled: Unsettled, tell: () => void): void {
    const { session, subscription } = unsettled;
    const done = () => {
      if (this.#isLost(unsettled)) return;
      try {
        tell();
      } catch {
        return; // The channel is closing: it comes again.
      }
      subscription.unsettled--;
      if (subscription.state === 'ended' && subscription.unsettled === 0) session.subscriptions.delete(subscription);
      this.#adjustSoon();
    };
    if (subscription.state === 'open' && renewsTooMuch(this.#credit)) void this.#end(session, subscription);
    if (subscription.state === 'ending') subscription.afterwards.push(done);
    else done();
  }

  async #end(session: Session, subscription: Subscription): Promise<void> {
    subscription.state = 'ending';
    try {
      await this.#options.broker.answered(session.channel.cancel(subscription.tag));
    } catch {
      return; // The channel is gone with all of it.
    }
    if (subscription.state !== 'ending') return;
    subscription.state = 'ended';
    if (subscription.unsettled === 0) session.subscriptions.delete(subscription);
    for (const next of subscription.afterwards.splice(0)) next();
    this.#adjustSoon();
  }

  async #subscribe(session: Session, prefetch: number): Promise<void> {
    const tag = `${this.#options.lane}-${++session.lastTag}`;
    const subscription: Subscription = { tag, prefetch, unsettled: 0, state: 'open', afterwards: [] };
    session.subscriptions.add(subscription);
    const { broker, lane } = this.#options;
    try {
      if (session.prefetch !== prefetch) await broker.answered(session.channel.prefetch(prefetch));
      session.prefetch = prefetch;
      const deliver = (message: ConsumeMessage | null) => this.#delivered(session, subscription, message);
      await broker.answered(session.channel.consume(laneQueue(lane), deliver, { consumerTag: tag }));
    } catch (error) {
      session.subscriptions.delete(subscription);
      if (isMissing(error)) await broker.declare().catch(() => undefined);
    }
  }

  /** Never within the caller's own step: a slot given back and taken again is no change. */
  #adjustSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#adjusting) void this.#adjust();
    });
  }

  async #adjust(): Promise<void> {
    this.#adjusting = true;
    try {
      for (let session = this.#session; session && session === this.#session; ) {
        while (this.#handed < this.#allowed && this.#held.length > 0) this.#hand(this.#held.shift()!);
        const plan = this.#leaving ? this.#planLeaving() : planCredit(this.#credit);
        if (plan.kind === 'more') await this.#subscribe(session, Math.min(plan.count, LARGEST_PREFETCH));
        else if (plan.kind === 'less' && this.#isLowering) {
          await Promise.all(plan.end.map((subscription) => this.#end(session as Session, subscription)));
        } else {
          if (this.#isLowering) this.#giveBack();
          break;
        }
      }
    } finally {
      this.#adjusting = false;
    }
    this.#watchExcess();
    if (!this.#leaving || !this.#hasEnded()) return;
    this.#idle.resolve();
    if (this.#session?.subscriptions.size === 0) void this.close();
  }

  #planLeaving(): Plan {
    const end = [...(this.#session?.subscriptions ?? [])].filter(({ state }) => state === 'open');
    return end.length > 0 ? { kind: 'less', end } : { kind: 'as-is' };
  }

  #hasEnded(): boolean {
    return [...(this.#session?.subscriptions ?? [])].every(({ state }) => state === 'ended') && this.#held.length === 0;
  }

  /** Too much credit, and what it brought, stands a little while before it is taken back. */
  #watchExcess(): void {
    const isExcess = planCredit(this.#credit).kind === 'less' || this.#held.length > 0;
    if (this.#isLowering && !this.#leaving) this.#isLowering = false;
    if (!isExcess || this.#lowering) return;
    this.#lowering = setTimeout(
      () => {
        this.#lowering = null;
        this.#isLowering = true;
        this.#adjustSoon();
      },
      this.#leaving ? 0 : LOWER_AFTER,
    );
  }

  #giveBack(): void {
    for (const unsettled of this.#held.splice(0)) {
      const { session, message } = unsettled;
      const returns = Number(message.properties.headers?.['x-delivery-count'] ?? 0);
      if (returns >= RETURNS_BEFORE_REPUBLISH) {
        this.#handed++;
        void this.#sendAgain(unsettled, LANE_EXCHANGE);
      } else this.#release(unsettled, () => session.channel.nack(message, false, true));
    }
  }
}
