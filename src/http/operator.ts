import { ChatError } from '../protocol/errors.ts';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';
import type { Caller } from './caller.ts';
import type { Http, Operator } from './http.ts';
import { takeRequest } from './rate-limit.ts';
import type { RouteInput } from './route.ts';

/** Of every route that is the operator's. */
export const OPERATOR_ERRORS = ['operator_only', 'models_elsewhere', 'rate_limited', 'state_unavailable'] as const;

/** What the caller may administer. Throws `operator_only`, and `models_elsewhere` where nobody may. */
export async function operatorOf(
  http: Http,
  { caller, request, reply }: Pick<RouteInput<unknown, unknown, unknown>, 'caller' | 'request' | 'reply'>,
): Promise<Operator> {
  const { operator } = http.deps;
  if (!operator) throw new ChatError('models_elsewhere');
  if (!isOperator(caller, operator)) throw new ChatError('operator_only');
  if (request.method !== 'GET') await takeRequest(http, { caller, reply }, caller.onlyUser ?? 'operator');
  return operator;
}

/** Whether there is anything here that the caller may administer. */
export function operates(http: Http, caller: Caller): boolean {
  const { operator } = http.deps;
  return operator !== null && isOperator(caller, operator);
}

/** The person at this machine, and the keys that the server was started with. */
function isOperator({ via, key, workspace }: Caller, { keys }: Operator): boolean {
  return workspace.name === DEFAULT_WORKSPACE && (via === 'local' || (key !== null && keys.has(key.id)));
}
