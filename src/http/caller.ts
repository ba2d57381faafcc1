import type { KeyBudget, Workspace } from '../ports/workspaces.ts';

/** For whom a request speaks. */
export type Caller = {
  workspace: Workspace;
  via: 'key' | 'session' | 'local';
  /** Null: any user of the workspace. Otherwise the one external id that this caller may name. */
  onlyUser: string | null;
  /** Which credential it was, without telling it. */
  credential: string;
  /** The API key, also where a session was opened with it. Null: the local user. */
  key: { id: string; budget: KeyBudget } | null;
};
