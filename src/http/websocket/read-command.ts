import type { RawData } from 'ws';
import { ChatError } from '../../protocol/errors.ts';
import type { RequestLimits } from '../../protocol/requests.ts';
import { type SocketCommand, socketCommands } from '../../protocol/websocket.ts';
import type { Http } from '../http.ts';
import { parseJson } from '../parse-json.ts';
import { checkBody } from '../validate.ts';

const known = new WeakMap<RequestLimits, ReturnType<typeof socketCommands>>();

/** Throws what is wrong with it, in words of the catalogue. */
export function readCommand(http: Http, data: RawData, isBinary: boolean): SocketCommand {
  if (isBinary) throw new ChatError('invalid_json');
  const value = parseJson(Array.isArray(data) ? Buffer.concat(data) : new Uint8Array(data));
  const schemas = schemasFor(http.options.requestLimits);
  const { type } = (value ?? {}) as { type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(schemas, type)) {
    throw new ChatError('invalid_request', { details: { type: `must be one of ${Object.keys(schemas).join(', ')}` } });
  }
  return checkBody(schemas[type as keyof typeof schemas], value) as SocketCommand;
}

function schemasFor(limits: RequestLimits): ReturnType<typeof socketCommands> {
  let schemas = known.get(limits);
  if (!schemas) {
    schemas = socketCommands(limits);
    known.set(limits, schemas);
  }
  return schemas;
}
