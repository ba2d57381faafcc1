import { ChatError } from '../protocol/errors.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** Undefined for an empty body: whether one is needed is the route's to say. */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(decoder.decode(body));
  } catch (cause) {
    throw new ChatError('invalid_json', { cause });
  }
}
