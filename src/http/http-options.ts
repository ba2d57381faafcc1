import type { WebhookReach } from '../lib/webhook-url.ts';
import type { RequestLimits } from '../protocol/requests.ts';

export type HttpOptions = {
  version: string;
  /** What the server listens on. */
  host: string;
  /** Where people reach it; null: there. */
  publicUrl: string | null;
  /** Only this machine can reach it, and its page speaks for the local user without a key. Never behind a proxy. */
  localUser: boolean;
  /** Addresses and networks of proxies that are believed when they say for whom they speak. */
  trustedProxies: readonly string[];
  /** Folder of the built page; null: none is served. */
  page: string | null;
  requestLimits: RequestLimits;
  maxBodyBytes: number;
  /** Of an imported conversation. */
  maxImportBytes: number;
  /** How long a request may take to arrive whole. */
  requestTimeoutMs: number;
  /** Of `POST /chat`, per credential and user. */
  chatPerMinute: number;
  /** Of all other requests that ask or change something, likewise. */
  requestsPerMinute: number;
  maxStreamsPerUser: number;
  /** How long `POST /chat` waits before it answers as `/async-chat` does. */
  syncTimeoutMs: number;
  heartbeatMs: number;
  /** Null: nobody is told of answers. */
  webhooks: WebhookReach | null;
};
