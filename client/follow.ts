import { type Cursor, formatEventId, START } from '../src/protocol/position.ts';
import type { AnswerEvent } from './answer-event.ts';
import { readApiError } from './api-error.ts';
import { backoffMs, pause } from './backoff.ts';
import type { Connectivity } from './connectivity.ts';
import { decodeEvent, GapError } from './decode-event.ts';
import { type Http, retryDelay } from './http.ts';
import { createSseParser } from './sse-parser.ts';

export type FollowOptions = {
  /** Where the caller stands already; absent: from the beginning. */
  from?: Cursor;
  /** Ends the reading, not the answer. */
  signal: AbortSignal;
  onEvent(event: AnswerEvent): void;
};

/** Three heartbeats of the server: past this a connection is taken for dead. */
const SILENCE_MS = 45_000;
/** The same once the network is said to be gone; a server on this machine goes on talking. */
const SILENCE_OFFLINE_MS = 2_500;
/** Gaps in a row after which the text held is not trusted and the answer is read from its beginning. */
const GAPS_BEFORE_RESTART = 2;

type Reading = {
  cursor: Cursor | null;
  ended: boolean;
  failures: number;
  gaps: number;
};

/**
 * Reads one answer to its end across any number of connections, each byte once and in order. Resolves at
 * the end or when the signal is aborted; rejects with an ApiError where reading on makes no sense (unknown
 * answer, no access).
 */
export async function follow(
  http: Http,
  connectivity: Connectivity,
  path: string,
  { from, signal, onEvent }: FollowOptions,
): Promise<void> {
  const reading: Reading = { cursor: from ?? null, ended: false, failures: 0, gaps: 0 };
  while (!reading.ended && !signal.aborted) {
    using network = watchNetwork(connectivity);
    let wait: number | null = null;
    try {
      await readOnce(http, path, reading, network, signal, onEvent);
    } catch (error) {
      if (signal.aborted) return;
      wait = failed(error, reading, onEvent);
    }
    if (reading.ended || signal.aborted) return;
    reading.failures += 1;
    onEvent({ type: 'disconnected', attempt: reading.failures, online: connectivity.online() });
    await pause(wait ?? backoffMs(reading.failures), signal, network.returned);
  }
}

type Network = {
  /** Aborted when the network is back: what is open may be dead, what waits need not. */
  returned: AbortSignal;
  onLost: (() => void) | null;
};

function watchNetwork(connectivity: Connectivity): Network & Disposable {
  const controller = new AbortController();
  const stop = connectivity.onChange(() => {
    if (connectivity.online()) controller.abort(new Error('The network is back.'));
    else network.onLost?.();
  });
  const network = { returned: controller.signal, onLost: null as (() => void) | null, [Symbol.dispose]: stop };
  return network;
}

async function readOnce(
  http: Http,
  path: string,
  reading: Reading,
  network: Network,
  signal: AbortSignal,
  onEvent: (event: AnswerEvent) => void,
): Promise<void> {
  using watchdog = startWatchdog(AbortSignal.any([signal, network.returned]));
  network.onLost = () => watchdog.reset(SILENCE_OFFLINE_MS);
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (reading.cursor) headers['last-event-id'] = formatEventId(reading.cursor);
  const response = await http.open(path, headers, watchdog.signal);
  if (response.status === 204) return finish(reading, onEvent, null);
  if (!response.ok) throw await readApiError(response);
  if (!response.body) throw new Error('The response has no body.');
  onEvent({ type: 'connected', attempt: reading.failures });

  const parser = createSseParser((message) => {
    if (reading.ended || watchdog.signal.aborted) return;
    const event = decodeEvent(message, reading.cursor ?? START);
    if (!event) return;
    reading.failures = 0;
    reading.gaps = 0;
    if (event.type === 'end') return finish(reading, onEvent, event.receipt);
    if ('cursor' in event) reading.cursor = event.cursor;
    onEvent(event);
  });
  const reader = response.body.getReader();
  try {
    while (!reading.ended) {
      const { done, value } = await reader.read();
      watchdog.signal.throwIfAborted();
      if (done) return;
      watchdog.reset();
      parser.push(value);
    }
  } finally {
    // Gives the connection back where the end came before the body's, or an event was refused.
    reader.cancel().catch(() => {});
  }
}

function finish(
  reading: Reading,
  onEvent: (event: AnswerEvent) => void,
  receipt: Extract<AnswerEvent, { type: 'end' }>['receipt'],
): void {
  reading.ended = true;
  onEvent({ type: 'end', receipt });
}

/** How long to wait before the next connection, null for the usual; throws what no connection would mend. */
function failed(error: unknown, reading: Reading, onEvent: (event: AnswerEvent) => void): number | null {
  const status = (error as { status?: unknown }).status;
  const lostPlace = error instanceof GapError || (status === 400 && reading.cursor !== null);
  if (lostPlace) {
    reading.gaps += 1;
    if (reading.gaps >= GAPS_BEFORE_RESTART || status === 400) {
      reading.cursor = null;
      onEvent({ type: 'restart', cursor: START });
    }
    return null;
  }
  if (typeof status === 'number') {
    if (status === 429) return (error as { retryAfterMs?: number }).retryAfterMs ?? null;
    if (status < 500) throw error;
    return retryDelay(error, reading.failures + 1);
  }
  return null;
}

function startWatchdog(signal: AbortSignal): { signal: AbortSignal; reset(silenceMs?: number): void } & Disposable {
  const silence = new AbortController();
  const arm = (ms: number) => setTimeout(() => silence.abort(new Error('The stream fell silent.')), ms);
  let timer = arm(SILENCE_MS);
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    reset(silenceMs = SILENCE_MS) {
      clearTimeout(timer);
      timer = arm(silenceMs);
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
