import { randomBytes } from 'node:crypto';
import type { GenerationId } from '../../ports/generations.ts';
import type { Frame } from '../../ports/token-log.ts';
import { FrameMessage, PUBLISHER_BYTES } from './frame-codec.ts';
import type { Pipeline } from './pipeline.ts';
import { bulkText, RespWriter } from './resp.ts';

/** One API replica that follows a generation. A replica that has subscribed anew has another incarnation. */
export type Route = { replica: string; incarnation: string; followers: number };
export type Routes = { list: readonly Route[]; followers: number };

const NO_ROUTES: Routes = { list: [], followers: 0 };
const MAX_PARSED = 10_000;

/** Of `replica#incarnation=followers;`…; the same few strings come back with every append. */
export class RouteParser {
  readonly #parsed = new Map<string, Routes>();

  parse(text: string): Routes {
    if (text === '') return NO_ROUTES;
    const known = this.#parsed.get(text);
    if (known) return known;
    const list = [...text.matchAll(/([^#;]+)#(\d+)=(\d+);/g)].map(([, replica, incarnation, followers]) => ({
      replica: replica!,
      incarnation: incarnation!,
      followers: Number(followers),
    }));
    const routes = { list, followers: list.reduce((sum, { followers }) => sum + followers, 0) };
    if (this.#parsed.size === MAX_PARSED) this.#parsed.clear();
    this.#parsed.set(text, routes);
    return routes;
  }
}

type Outbox = { message: FrameMessage; sent: number; routes: [GenerationId, Route][] };

/** Frames of this process through one server: gathered per replica, then one message to each. */
export class FrameSender {
  readonly #publisher = randomBytes(PUBLISHER_BYTES / 2).toString('hex');
  readonly #pipeline: Pipeline;
  readonly #channelOf: (replica: string) => string;
  readonly #onNobody: (id: GenerationId, route: Route) => void;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #waiting = new Map<string, Outbox>();
  readonly #writer = new RespWriter();

  constructor(
    pipeline: Pipeline,
    channelOf: (replica: string) => string,
    onNobody: (id: GenerationId, route: Route) => void,
  ) {
    this.#pipeline = pipeline;
    this.#channelOf = channelOf;
    this.#onNobody = onNobody;
  }

  add(routes: Routes, id: GenerationId, frame: Frame): void {
    for (const route of routes.list) {
      const outbox = this.#outboxOf(route.replica);
      outbox.message.add(id, frame);
      outbox.routes.push([id, route]);
      this.#waiting.set(route.replica, outbox);
    }
  }

  /** Frames that cannot go are dropped: the next one that does shows the replica by its number that some were. */
  flush(): void {
    for (const [replica, outbox] of this.#waiting) {
      const { routes } = outbox;
      outbox.routes = [];
      const message = outbox.message.seal(this.#publisher, outbox.sent++);
      if (!this.#pipeline.isReady) continue;
      this.#writer.raw(`*3\r\n$8\r\nSPUBLISH\r\n${bulkText(this.#channelOf(replica))}`);
      this.#writer.bulk(message);
      this.#pipeline.send(this.#writer.take(), {
        commands: 1,
        take: (reached) => {
          if (reached !== 0) return;
          this.#outboxes.delete(replica);
          for (const [id, route] of routes) this.#onNobody(id, route);
        },
        done: () => {},
        failed: () => {},
      });
    }
    this.#waiting.clear();
  }

  #outboxOf(replica: string): Outbox {
    const known = this.#outboxes.get(replica);
    if (known) return known;
    const outbox = { message: new FrameMessage(), sent: 0, routes: [] };
    this.#outboxes.set(replica, outbox);
    return outbox;
  }
}
