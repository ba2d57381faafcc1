import { lookupEndpoint, MetadataAddressError } from '../../lib/endpoint-address.ts';
import { ChatError } from '../../protocol/errors.ts';
import { providerOptions } from './providers.ts';
import { Upstream } from './upstream.ts';

type Provider = Parameters<typeof providerOptions>[0];
export type Tried = { models: readonly string[]; ms: number; dialect: 'vllm' | 'openai' };

const PATIENCE_MS = 5000;
/** Bytes of a list of models that are read, and models of it that are taken. */
const LONGEST_LIST = 4 * 1024 * 1024;
const MOST_MODELS = 1000;

/** Its list of models, asked for once, no redirect followed. Throws ChatError, which says what is wrong. */
export async function tryEndpoint(
  at: { url: string; apiKey: string | null; kind: Provider | null },
  signal: AbortSignal,
): Promise<Tried> {
  const { url, apiKey, kind } = at;
  await using upstream = new Upstream({
    url,
    ...(apiKey !== null && { apiKey }),
    ...(kind !== null && providerOptions(kind)),
    connectTimeoutMs: PATIENCE_MS,
    lookup: lookupEndpoint,
  });
  const began = performance.now();
  const late = AbortSignal.timeout(PATIENCE_MS);
  const text = await readModels(upstream, apiKey !== null, AbortSignal.any([signal, late])).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error instanceof ChatError ? error : unreachable(error, late.aborted);
  });
  const listed = readList(text);
  if (listed.length === 0) throw new ChatError('endpoint_without_models');
  const models = [...new Set(listed.map(({ id }) => id))].slice(0, MOST_MODELS);
  // Only such servers say it, and their answers can be gone on with.
  const dialect = kind === null && listed.some(({ max_model_len }) => max_model_len) ? 'vllm' : 'openai';
  return { models, ms: Math.round(performance.now() - began), dialect };
}

async function readModels(upstream: Upstream, hasKey: boolean, signal: AbortSignal): Promise<string> {
  const { statusCode, headers, body } = await upstream.get('/v1/models', signal);
  if (statusCode === 401 || statusCode === 403) {
    throw new ChatError('endpoint_key_refused', { details: { sent: hasKey } });
  }
  if (statusCode >= 500 || statusCode === 429) {
    throw new ChatError('endpoint_unreachable', { details: { reason: `it answered ${statusCode}` } });
  }
  if (statusCode >= 300 && statusCode < 400)
    throw notOpenAi(`it redirects to ${String(headers.location).slice(0, 200)}`);
  if (statusCode !== 200) throw notOpenAi(`asked for its models it answered ${statusCode}`);
  let text = '';
  for await (const chunk of body.setEncoding('utf8')) {
    text += chunk;
    if (text.length > LONGEST_LIST) throw notOpenAi('its list of models has no end');
  }
  return text;
}

type Listed = { id: string; max_model_len?: number };

function readList(text: string): Listed[] {
  let data: unknown;
  try {
    data = (JSON.parse(text) as { data?: unknown } | null)?.data;
  } catch {
    throw notOpenAi('it answered something else than JSON');
  }
  // Some have no model to list, and say null.
  if (data === null) return [];
  if (!Array.isArray(data)) throw notOpenAi('its answer has no list of models');
  return data.filter((each): each is Listed => typeof each?.id === 'string' && each.id !== '' && each.id.length <= 200);
}

const notOpenAi = (reason: string) => new ChatError('endpoint_not_openai', { details: { reason } });

function unreachable(error: unknown, isLate: boolean): ChatError {
  if (error instanceof MetadataAddressError) {
    return new ChatError('endpoint_address_refused', { details: { address: error.message } });
  }
  const reason = isLate ? `no answer within ${PATIENCE_MS / 1000} s` : reasonOf(error as { code?: string });
  return new ChatError('endpoint_unreachable', { details: { reason }, cause: error });
}

function reasonOf({ code = '' }: { code?: string }): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no machine of that name was found';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return `no answer within ${PATIENCE_MS / 1000} s`;
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'no way leads there';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return 'its certificate is not trusted';
  if (/^(ERR_SSL|EPROTO)/.test(code)) return 'it does not speak https';
  return 'the connection broke off';
}
