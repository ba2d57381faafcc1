import type { UserId } from '../ports/generations.ts';
import { ChatError } from '../protocol/errors.ts';
import { allowUser } from './auth.ts';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';

/** Null for somebody who has never said anything: they have no conversations. */
export function findUser(http: Http, caller: Caller, externalId: string): Promise<UserId | null> {
  return http.deps.ports.directory.findUser(caller.workspace.id, allowUser(caller, externalId));
}

/** For what can only be there if the user is. */
export async function findUserOfConversation(http: Http, caller: Caller, externalId: string): Promise<UserId> {
  const userId = await findUser(http, caller, externalId);
  if (userId === null) throw new ChatError('conversation_not_found');
  return userId;
}
