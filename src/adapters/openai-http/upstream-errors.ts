import { InferenceError, type InferenceErrorKind, type TimeoutPhase } from '../../ports/inference.ts';

/** Characters of an upstream's words that are kept for the log. */
const LONGEST_CAUSE = 2000;
/** Milliseconds: longer waits than this are not believed. */
const LONGEST_RETRY_AFTER = 300_000;

/** vLLM, OpenAI, llama-server, Gemini, Anthropic, Ollama. */
const OVERFLOW =
  /context.?(length|size|window)|max_model_len|exceeds? the maximum number of tokens|prompt is too long|input length/i;
const OWN_WORDS: Record<InferenceErrorKind, string> = {
  context_overflow: 'the prompt is longer than the model reads',
  overloaded: 'the inference server takes no more requests',
  rate_limited: 'the inference server limits our requests',
  auth: 'the inference server does not accept our key',
  model_not_found: 'the inference server has no such model',
  bad_request: 'the inference server refused the request',
  timeout: 'the inference server took too long',
  stream_cut: 'the answer broke off',
  engine: 'the inference server failed',
  unavailable: 'the inference server cannot be reached',
};

export function inferenceError(kind: InferenceErrorKind, cause?: unknown, retryAfterMs?: number): InferenceError {
  return new InferenceError(kind, OWN_WORDS[kind], { cause, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

/** `ms`: how long it was waited for, where that is known. */
export function timedOut(phase: TimeoutPhase, ms?: number, cause?: unknown): InferenceError {
  const detail = new Error(ms === undefined ? phase : `${phase}: not within ${ms} ms`, { cause });
  return new InferenceError('timeout', OWN_WORDS.timeout, { cause: detail, phase });
}

/** An answer that is not 200. Bodies seen: vLLM nested, vLLM old and flat, Ray's `detail`, a proxy's HTML. */
export function refusedBy(status: number, body: string, retryAfter: string | undefined): InferenceError {
  const cause = new Error(`${status}: ${body.slice(0, LONGEST_CAUSE)}`);
  const kind = kindOf(status, body);
  const retryAfterMs = parseRetryAfter(retryAfter);
  if (kind === 'timeout') return timedOut('first-token', undefined, cause);
  return inferenceError(kind, cause, retryAfterMs);
}

/** An error that came as an event of a stream that had begun with 200. */
export function failedInside(error: unknown): InferenceError {
  const text = JSON.stringify(error) ?? 'unknown';
  const code = Number((error as { code?: unknown } | null)?.code);
  const cause = new Error(text.slice(0, LONGEST_CAUSE));
  return inferenceError(code >= 400 ? kindOf(code, text) : 'engine', cause);
}

function kindOf(status: number, text: string): InferenceErrorKind {
  if (status === 401 || status === 403) return 'auth';
  // Without a word about a model it is the route that is missing: a server that is still starting.
  if (status === 404) return /model/i.test(text) ? 'model_not_found' : 'unavailable';
  if (status === 408) return 'timeout';
  if (status === 429) return 'rate_limited';
  if (status === 503) return 'overloaded';
  if (status === 502 || status === 504) return 'unavailable';
  if (status >= 500) return 'engine';
  return OVERFLOW.test(text) ? 'context_overflow' : 'bad_request';
}

/** Seconds or a date. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(LONGEST_RETRY_AFTER, Math.max(0, ms)) : undefined;
}
