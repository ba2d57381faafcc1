import { type Generation, isStored } from '../ports/generations.ts';
import { ChatError } from '../protocol/errors.ts';
import type { Caller } from './caller.ts';
import type { Http } from './http.ts';

/** A foreign one is answered like an unknown one, and so is one that was not to be stored. */
export async function findGeneration(http: Http, caller: Caller, id: string): Promise<Generation> {
  const { generations, directory } = http.deps.ports;
  const generation = await generations.find(id.toLowerCase());
  if (!generation || generation.workspaceId !== caller.workspace.id || !isStored(generation))
    throw new ChatError('generation_not_found');
  if (caller.onlyUser !== null) {
    const own = await directory.findUser(caller.workspace.id, caller.onlyUser);
    if (own !== generation.userId) throw new ChatError('generation_not_found');
  }
  return generation;
}
