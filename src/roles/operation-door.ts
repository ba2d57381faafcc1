import { once } from 'node:events';
import { createServer } from 'node:http';
import { registry, renderMetrics } from '../telemetry/metrics.ts';

type Answer = { status: number; type?: string; body: string };

export type OperationDoor = {
  /** Rejects or resolves to why nothing should be expected of this process; null where it is ready. */
  readiness(): Promise<string | null>;
  health(): Promise<{ status: 'healthy' | 'degraded' } & Record<string, unknown>>;
};

/**
 * `/livez`, `/readyz`, `/health` and `/metrics` of a process that answers nobody else, without a key: it is for
 * the operator's own network.
 */
export async function openOperationDoor(
  door: OperationDoor,
  { host, port }: { host: string; port: number },
): Promise<AsyncDisposable & { address: string }> {
  const answers: Record<string, () => Promise<Answer>> = {
    '/livez': async () => json(200, { status: 'alive' }),
    '/readyz': async () => {
      const reason = await door.readiness().catch((error: Error) => error.message);
      return reason === null ? json(200, { status: 'ready' }) : json(503, { status: 'not ready', reason });
    },
    '/health': async () => json(200, await door.health()),
    '/metrics': async () => ({ status: 200, type: registry.contentType, body: await renderMetrics() }),
  };
  const server = createServer(async (request, response) => {
    const answer = answers[request.url?.split('?', 1)[0] ?? ''];
    const { status, type, body } =
      request.method === 'GET' && answer
        ? await answer().catch((error: Error) => json(500, { error: error.message }))
        : json(404, { error: `there are ${Object.keys(answers).join(', ')}` });
    response.writeHead(status, { 'content-type': type ?? 'application/json', 'cache-control': 'no-store' }).end(body);
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function json(status: number, body: unknown): Answer {
  return { status, body: JSON.stringify(body) };
}
