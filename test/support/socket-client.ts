import type { SocketEvent } from '../../src/protocol/websocket.ts';
import type { Json } from './http-client.ts';

/** A client of `/ws` that keeps all it was told. Node's own WebSocket takes headers, which browsers do not. */
export async function openSocket(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers } as unknown as string[]);
  const events: SocketEvent[] = [];
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };
  let closed: { code: number; reason: string } | null = null;
  socket.addEventListener('message', ({ data }) => {
    events.push(JSON.parse(String(data)) as SocketEvent);
    wake();
  });
  socket.addEventListener('close', ({ code, reason }) => {
    closed = { code, reason };
    wake();
  });
  const until = async (holds: () => boolean): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => holds() && resolve();
    waiting.add(look);
    look();
    await promise.finally(() => waiting.delete(look));
  };
  await new Promise<void>((resolve) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => resolve());
  });
  return {
    socket,
    events,
    say: (command: Json) => socket.send(typeof command === 'string' ? command : JSON.stringify(command)),
    /** The first event of that kind for which `is` holds, now or later. */
    async event<Type extends SocketEvent['type']>(
      type: Type,
      is: (event: Extract<SocketEvent, { type: Type }>) => boolean = () => true,
    ): Promise<Extract<SocketEvent, { type: Type }>> {
      const find = () =>
        events.find(
          (event): event is Extract<SocketEvent, { type: Type }> => event.type === type && is(event as never),
        );
      await until(() => find() !== undefined || closed !== null);
      const found = find();
      if (!found) throw new Error(`the socket closed (${closed?.code}) without ${type}: ${JSON.stringify(events)}`);
      return found;
    },
    async closed() {
      await until(() => closed !== null);
      return closed!;
    },
    /** The text of one answer as its reader has it. */
    text: (id: string) => textOf(events, id),
    close: () => socket.close(),
  };
}

function textOf(events: readonly SocketEvent[], id: string): string {
  let text = Buffer.alloc(0);
  for (const event of events) {
    if (!('generation_id' in event) || event.generation_id !== id) continue;
    if (event.type === 'text') text = Buffer.concat([text, Buffer.from(event.text)]);
    if (event.type === 'rewind') text = text.subarray(0, event.offset);
  }
  return text.toString();
}
