import { readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the server does with a completion request, step by step; at the script's end it closes the connection. */
export type Script = readonly (string | Uint8Array | { waitMs: number } | 'reset' | 'stall')[];

export interface RawUpstream extends AsyncDisposable {
  readonly url: string;
  /** Heads of completion requests, and whether their connection has ended. */
  readonly seen: readonly { head: string; body: string; isClosed: boolean }[];
}

const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'raw', max_model_len: 4096 }] });

/** A server whose bytes are all the test's: what no HTTP library would write can be written. */
export async function startRawUpstream(script: () => Script): Promise<RawUpstream> {
  const seen: { head: string; body: string; isClosed: boolean }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let received = '';
    socket.on('data', async (bytes) => {
      received += bytes.toString('latin1');
      const [head = '', body] = received.split('\r\n\r\n');
      if (body === undefined) return;
      if (body.length < Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return;
      received = '';
      const request = { head, body, isClosed: false };
      socket.once('close', () => {
        request.isClosed = true;
      });
      if (head.startsWith('GET ')) return void socket.write(httpResponse(200, MODELS, 'application/json'));
      if (!head.includes('completions')) return void socket.write(httpResponse(404, '', 'text/plain'));
      seen.push(request);
      await play(socket, script());
    });
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function play(socket: Socket, script: Script): Promise<void> {
  socket.setNoDelay(true);
  for (const step of script) {
    if (socket.destroyed) return;
    if (step === 'stall') return;
    if (step === 'reset') return void socket.resetAndDestroy();
    if (typeof step === 'object' && 'waitMs' in step) await sleep(step.waitMs);
    else await new Promise((resolve) => socket.write(step, resolve));
  }
  socket.end();
}

function httpResponse(status: number, body: string, type: string): string {
  return `HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** A body that ends with its connection. */
export function head(type = 'text/event-stream', more: Record<string, string> = {}): string {
  const lines = Object.entries({ 'content-type': type, connection: 'close', ...more });
  return `HTTP/1.1 200 OK\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** As {@link head}, with a body that says its length: an end before it is a cut. */
export function chunked(body: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}
export const CHUNKED = { 'transfer-encoding': 'chunked', connection: 'keep-alive' } as const;
export const LAST_CHUNK = '0\r\n\r\n';

/** One event of a streamed completion; `finish` with its reason. */
export function textEvent(content: string, finish: string | null = null): string {
  const choice = { index: 0, delta: { content }, logprobs: null, finish_reason: finish };
  const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'raw', choices: [choice] };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}
export const DONE = 'data: [DONE]\n\n';

/** Bytes that a real server sent (`test/fixtures/upstream`): status and headers as they were, then the body. */
export async function recorded(name: string): Promise<Script> {
  const file = await readFile(new URL(`../fixtures/upstream/${name}.txt`, import.meta.url));
  const end = file.indexOf('\n\n');
  const lines = file.subarray(0, end).toString().split('\n');
  const body = file.subarray(end + 2);
  return [[...lines, 'connection: close', '', ''].join('\r\n'), body];
}
