import { createHash } from 'node:crypto';

/** A Lua script, named to the server by its hash. */
export type Script = { readonly lua: string; readonly sha: string };

export function script(lua: string): Script {
  const text = lua.trim();
  return { lua: text, sha: createHash('sha1').update(text).digest('hex') };
}
