import type { ErrorBody, ErrorCode } from '../src/protocol/errors.ts';

/** An answer of the server that is not the one asked for. `code` is stable; `message` is for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: ErrorCode | 'unknown';
  readonly requestId: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: ErrorBody['error'] | null, retryAfterMs: number | undefined) {
    super(body?.message ?? `The server answered with status ${status}.`);
    this.name = 'ApiError';
    this.status = status;
    this.code = body?.code ?? 'unknown';
    this.requestId = body?.request_id;
    this.details = body?.details;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The server was not reached, or went away before it answered. */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    super('The server cannot be reached.', { cause });
    this.name = 'ConnectionError';
  }
}

export async function readApiError(response: Response): Promise<ApiError> {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  let error: ErrorBody['error'] | null = null;
  try {
    const body = (await response.json()) as Partial<ErrorBody>;
    if (typeof body.error?.code === 'string' && typeof body.error.message === 'string') error = body.error;
  } catch {
    // A proxy's page instead of our JSON: the status says enough.
  }
  return new ApiError(response.status, error, retryAfterMs);
}
