import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export type Notice = { headers: Record<string, string>; body: string };
export type WebhookReceiver = Awaited<ReturnType<typeof startWebhookReceiver>>;

/** Takes what it is told; `answer` may be changed while it runs. */
export async function startWebhookReceiver() {
  const notices: Notice[] = [];
  const receiver = {
    notices,
    url: '',
    answer: (_request: IncomingMessage, response: ServerResponse): void => void response.writeHead(204).end(),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    notices.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(parts).toString() });
    receiver.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/told`;
  return receiver;
}
