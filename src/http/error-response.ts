import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChatError, ERRORS, type ErrorBody, type ErrorCode } from '../protocol/errors.ts';
import { NOT_AGAIN, openAiError, openAiStatus } from '../protocol/openai-errors.ts';
import { logger } from '../telemetry/logger.ts';

/** What the framework itself refuses, in words of the catalogue. */
const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_NOT_FOUND: 'not_found',
};
/** Where nobody said how long to wait. */
const RETRY_SECONDS = 5;

export function toChatError(error: unknown, maxBodyBytes: number): ChatError {
  if (error instanceof ChatError) return error;
  const code = FRAMEWORK_CODES[(error as { code?: string } | null)?.code ?? ''] ?? 'internal';
  const details = code === 'payload_too_large' ? { details: { limit_bytes: maxBodyBytes } } : {};
  return new ChatError(code, { ...details, cause: error });
}

export function errorBody(error: ChatError, requestId?: string): ErrorBody {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(requestId !== undefined && { request_id: requestId }),
      ...(error.details && { details: error.details }),
    },
  };
}

/** The one place where what was thrown becomes an answer. */
export function sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply, maxBodyBytes: number): void {
  const error = toChatError(thrown, request.routeOptions.bodyLimit ?? maxBodyBytes);
  if (error.status >= 500) {
    const level = error.code === 'internal' ? 'error' : 'warn';
    const where = { request_id: request.id, method: request.method, route: request.routeOptions.url ?? null };
    logger()[level]({ ...where, code: error.code, error }, 'request failed');
  }
  if (error.status === 429 || error.status === 503) {
    void reply.header('retry-after', String(error.retryAfterSeconds ?? RETRY_SECONDS));
  }
  const isOpenAi = request.url.startsWith(OPENAI_ROOT);
  if (isOpenAi)
    void reply.headers({ 'x-error-code': error.code, ...(isFinal(error) && { 'x-should-retry': 'false' }) });
  void reply
    .code(isOpenAi ? openAiStatus(error.code) : error.status)
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(isOpenAi ? { error: openAiError(error.code, error.details) } : errorBody(error, request.id));
}

/** Errors of the routes below it have OpenAI's form. */
const OPENAI_ROOT = '/v1/';
const isFinal = ({ code }: ChatError): boolean => NOT_AGAIN.includes(code);

/** For a connection on which no request could be read. Node has it written as bytes. */
export function rawErrorResponse(code: ErrorCode): string {
  const { status } = ERRORS[code];
  const body = JSON.stringify(errorBody(new ChatError(code)));
  return [
    `HTTP/1.1 ${status} ${status === 431 ? 'Request Header Fields Too Large' : status === 408 ? 'Request Timeout' : 'Bad Request'}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
