import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { CHUNKED, DONE, textEvent } from '../support/raw-upstream.ts';
import { openAgainst } from '../support/upstream-inference.ts';
import { ask } from './inference.contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
execFileSync(
  'openssl',
  [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', cert],
  ],
  { stdio: 'ignore' },
);
const trusted = getCACertificates('default');

afterAll(() => {
  setDefaultCACertificates(trusted);
  rmSync(folder, { recursive: true });
});

/** Over TLS; counts the connections. */
async function startServer() {
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    request.resume().once('end', () => {
      if (request.method === 'GET') return response.end(JSON.stringify({ object: 'list', data: [{ id: 'raw' }] }));
      if (!request.url!.includes('completions')) return response.writeHead(404).end();
      response.writeHead(200, { 'content-type': 'text/event-stream', ...CHUNKED });
      for (const text of ['whole', ' an', 'swer']) response.write(textEvent(text));
      response.end(textEvent('.', 'stop') + DONE);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

it.each(['127.0.0.1', 'localhost'])(
  'a server behind TLS at %s is read, where its certificate is trusted',
  async (host) => {
    setDefaultCACertificates([...trusted, readFileSync(cert, 'utf8')]);
    const { server, port } = await startServer();
    await using inference = await openAgainst({ url: `https://${host}:${port}` });
    for (const content of ['1', '2']) {
      expect(await ask({ inference, model: 'raw' }, { content, maxTokens: 9 })).toMatchObject({
        text: 'whole answer.',
      });
    }
    setDefaultCACertificates(trusted);
    await using distrusting = new AsyncDisposableStack();
    distrusting.defer(() => void server.closeAllConnections());
    server.closeAllConnections();
    await expect(ask({ inference, model: 'raw' }, { content: '3', maxTokens: 9 })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    server.close();
  },
);
