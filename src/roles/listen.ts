import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CommonConfig } from '../config/config.ts';
import type { HttpDeps } from '../http/http.ts';
import { createHttpServer } from '../http/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const PACKAGE = new URL('../../package.json', import.meta.url);

export type Listening = { address: string; close(): Promise<void> };

/** The HTTP server at the configured address. Rejects with Node's error where that cannot be had. */
export async function listen(deps: HttpDeps, config: CommonConfig): Promise<Listening> {
  const { host, port } = config.listen;
  const { admission } = config;
  const app = await createHttpServer(deps, {
    version: (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version,
    host,
    publicUrl: config.publicUrl,
    trustedProxies: config.trustedProxies,
    localUser: config.access.kind === 'local',
    page: existsSync(PAGE) ? PAGE : null,
    requestLimits: { seedMessageChars: admission.seedMaxMessageChars, messageChars: admission.maxMessageChars },
    maxBodyBytes: admission.maxBodyBytes,
    maxImportBytes: admission.maxImportBytes,
    requestTimeoutMs: admission.requestTimeoutMs,
    chatPerMinute: admission.chatPerMinute,
    requestsPerMinute: admission.requestsPerMinute,
    maxStreamsPerUser: admission.maxStreamsPerUser,
    syncTimeoutMs: config.syncTimeoutMs,
    heartbeatMs: config.streams.heartbeatMs,
    webhooks: config.webhooks.secret === null ? null : config.webhooks.reach,
  });
  const bound = await app.listen({ host, port, backlog: 4096 });
  return { address: config.publicUrl ?? bound, close: () => app.close() };
}
