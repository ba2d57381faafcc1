import pino from 'pino';
import { prettyLine } from './pretty-line.ts';

export type Logger = pino.Logger;
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['pretty', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Destination = { write(line: string): unknown };

/** Lines go to standard output unless told otherwise. */
export function createLogger(level: LogLevel, format: LogFormat, destination?: Destination): Logger {
  const target = destination ?? pino.destination({ dest: 1, sync: true });
  const sink = format === 'json' ? target : { write: (line: string) => target.write(prettyLine(line)) };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]), censor: '[redacted]' },
      serializers: { err: describeError, error: describeError, req: describeRequest, res: describeResponse },
    },
    sink,
  );
}

let current: Logger = pino({ level: 'silent' });

/** The process's logger; silent until a role has set one. */
export function logger(): Logger {
  return current;
}

export function setLogger(next: Logger): void {
  current = next;
}

/** Names under which credentials or people's words might be handed to the log by mistake. */
const SECRETS = [
  'authorization',
  'cookie',
  'password',
  'apiKey',
  'api_key',
  'content',
  'prompt',
  'text',
  'reasoning',
  'x-api-key',
  'set-cookie',
];

/** Only what is known to hold no row values: a database error's `detail` and `where` quote stored text. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}

/** The query string stays out: it may hold what a person searches for. */
function describeRequest(request: { method?: string; url?: string; id?: unknown }): Record<string, unknown> {
  return { method: request.method, path: request.url?.split('?', 1)[0] };
}

function describeResponse(response: { statusCode?: number }): Record<string, unknown> {
  return { status: response.statusCode };
}
