import { ERRORS, type ErrorCode } from './errors.ts';

export type OpenAiError = { message: string; type: string; param: string | null; code: string };

/** Where OpenAI has a word of its own for an error, its clients know that one. */
const OWN: Partial<Record<ErrorCode, { code: string; status?: number; param?: string }>> = {
  unauthorized: { code: 'invalid_api_key' },
  model_unknown: { code: 'model_not_found', status: 404, param: 'model' },
  rate_limited: { code: 'rate_limit_exceeded' },
  budget_exceeded: { code: 'insufficient_quota' },
  context_too_long: { code: 'context_length_exceeded', param: 'messages' },
};

/** What the same request would only meet again: official clients ask twice more after a 409 or a 5xx. */
export const NOT_AGAIN: readonly ErrorCode[] = [
  'budget_exceeded',
  'generation_failed',
  'answer_interrupted',
  'answer_stopped',
  'answer_late',
];

export function openAiStatus(code: ErrorCode): number {
  return OWN[code]?.status ?? ERRORS[code].status;
}

/** `details` as the catalogue's errors carry them: the first field of a refused request is its `param`. */
export function openAiError(code: ErrorCode, details: Record<string, unknown> = {}): OpenAiError {
  const own = OWN[code];
  const isRefusal = code === 'invalid_request';
  const [field] = isRefusal ? Object.keys(details) : [];
  const more = Object.entries(details).map(([name, value]) => `${name}: ${sayDetail(value)}`);
  return {
    message: [ERRORS[code].message, ...(more.length > 0 ? [`(${more.join('; ')})`] : [])].join(' '),
    type: typeOf(openAiStatus(code)),
    param: own?.param ?? field ?? null,
    code: own?.code ?? code,
  };
}

function sayDetail(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
