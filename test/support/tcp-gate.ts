import { connect, createServer, type Socket } from 'node:net';

/** A port in front of another that can be shut: what goes through it loses its connections without a word. */
export type TcpGate = AsyncDisposable & {
  readonly port: number;
  /** Shut: present connections are reset, and new ones with them, until it is opened. */
  shut(isShut: boolean): void;
};

export async function openTcpGate(targetPort: number): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  let isShut = false;
  const server = createServer({ noDelay: true }, (inner) => {
    inner.on('error', () => undefined);
    if (isShut) return void inner.resetAndDestroy();
    const outer = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    shut(shut) {
      isShut = shut;
      if (shut) cut();
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
