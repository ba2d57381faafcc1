import { acceptMessage } from '../../core/accept-message.ts';
import type { Generation } from '../../ports/generations.ts';
import type { SocketCommands } from '../../protocol/websocket.ts';
import { cleanText, paramsOf, webhookOf } from '../accept.ts';
import { allowUser } from '../auth.ts';
import type { Caller } from '../caller.ts';
import type { Http } from '../http.ts';
import { hashOfRequest } from '../idempotency.ts';
import { takeRequest } from '../rate-limit.ts';
import { startHere } from '../start-here.ts';

/** As a message over HTTP, and run in this process where it has a slot. */
export async function acceptStart(
  http: Http,
  caller: Caller,
  command: SocketCommands['start'],
): Promise<{ generation: Generation; replayed: boolean }> {
  const { type: _, ref: __, user_id, message, conversation_id, idempotency_key, lane = 'stream', ...options } = command;
  await takeRequest(http, { caller, reply: null }, user_id);
  const body = { user_id, message, conversation_id: conversation_id ?? null, lane, ...options };
  const accepted = await acceptMessage(http.deps.ports, http.deps.accept, {
    workspace: caller.workspace,
    externalUserId: allowUser(caller, user_id),
    ...(caller.key && { key: caller.key }),
    ...(conversation_id !== undefined && { conversation: conversation_id }),
    request: { kind: 'message', content: cleanText(message) },
    lane,
    direct: true,
    params: paramsOf(options),
    ...webhookOf(http, options.webhook_url),
    ...(idempotency_key !== undefined && {
      idempotency: { key: idempotency_key, bodyHash: hashOfRequest('WS start', body) },
    }),
  });
  if (!accepted.replayed) await startHere(http, accepted.generation);
  return accepted;
}
