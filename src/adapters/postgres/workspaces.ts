import { LRUCache } from 'lru-cache';
import type { WorkspaceId } from '../../ports/generations.ts';
import {
  KEY_ID_CHARACTERS,
  type KeyBudget,
  type KeyHolder,
  type KeyInfo,
  type Workspace,
  type Workspaces,
} from '../../ports/workspaces.ts';
import { isUnavailable } from './moving.ts';
import type { Statement } from './pool.ts';
import type { Shards } from './shards.ts';

const FIND: Statement = { name: 'find_workspace', text: 'SELECT id, name FROM workspaces WHERE name = $1' };
const CREATE: Statement = {
  name: 'create_workspace',
  text: 'INSERT INTO workspaces (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
};
const ADD_KEY: Statement = {
  name: 'add_key',
  text: 'INSERT INTO api_keys (hash, workspace_id, name) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING',
};
const FIND_BY_KEY: Statement = {
  name: 'find_workspace_by_key',
  text: `SELECT w.id, w.name, k.tokens_per_day, k.tokens_per_month
    FROM api_keys AS k JOIN workspaces AS w ON w.id = k.workspace_id WHERE k.hash = $1`,
};
const KEY_ID = `left(encode(k.hash, 'hex'), ${KEY_ID_CHARACTERS})`;
const KEY_COLUMNS = `${KEY_ID} AS id, k.name, w.name AS workspace, k.created_at AS "createdAt",
  k.tokens_per_day, k.tokens_per_month`;
const LIST_KEYS: Statement = {
  name: 'list_keys',
  text: `SELECT ${KEY_COLUMNS} FROM api_keys AS k JOIN workspaces AS w ON w.id = k.workspace_id
    WHERE $1::text IS NULL OR w.name = $1 ORDER BY k.created_at, id`,
};
const REVOKE_KEY: Statement = {
  name: 'revoke_key',
  text: `DELETE FROM api_keys AS k USING workspaces AS w WHERE w.id = k.workspace_id AND ${KEY_ID} = $1
    AND (SELECT count(*) FROM api_keys AS k WHERE ${KEY_ID} = $1) = 1 RETURNING ${KEY_COLUMNS}`,
};

const LIMIT_KEY: Statement = {
  name: 'limit_key',
  text: `UPDATE api_keys AS k SET
      tokens_per_day = CASE WHEN $2::boolean THEN $3::bigint ELSE k.tokens_per_day END,
      tokens_per_month = CASE WHEN $4::boolean THEN $5::bigint ELSE k.tokens_per_month END
    FROM workspaces AS w WHERE w.id = k.workspace_id AND ${KEY_ID} = $1
    AND (SELECT count(*) FROM api_keys AS k WHERE ${KEY_ID} = $1) = 1 RETURNING ${KEY_COLUMNS}`,
};

type BudgetColumns = { tokens_per_day: number | null; tokens_per_month: number | null };
type HolderRow = Workspace & BudgetColumns;
type KeyRow = Omit<KeyInfo, 'budget'> & BudgetColumns;

const MAX_SEEN = 10_000;

export class PostgresWorkspaces implements Workspaces {
  readonly #shards: Shards;
  readonly #newId: () => string;
  /** What the directory last said of a key; counts only while it cannot be asked. */
  readonly #seen = new LRUCache<string, KeyHolder>({ max: MAX_SEEN });

  constructor(shards: Shards, newId: () => string) {
    this.#shards = shards;
    this.#newId = newId;
  }

  async ensure(name: string): Promise<Workspace> {
    const known = await this.find(name);
    if (known) return known;
    await this.#shards.directory.query(CREATE, [this.#newId(), name]);
    return (await this.find(name))!;
  }

  async find(name: string): Promise<Workspace | null> {
    const [row] = await this.#shards.directory.query<Workspace>(FIND, [name]);
    return row ?? null;
  }

  async addKey(workspaceId: WorkspaceId, name: string, hash: Uint8Array): Promise<void> {
    await this.#shards.directory.query(ADD_KEY, [hash, workspaceId, name]);
    const holder = await this.findByKey(hash);
    if (holder?.workspace.id !== workspaceId) throw new Error('this API key belongs to another workspace');
  }

  async findByKey(hash: Uint8Array): Promise<KeyHolder | null> {
    const key = Buffer.from(hash).toString('base64');
    try {
      const [row] = await this.#shards.directory.query<HolderRow>(FIND_BY_KEY, [hash]);
      if (!row) this.#seen.delete(key);
      if (!row) return null;
      const holder = { workspace: { id: row.id, name: row.name }, budget: toBudget(row) };
      this.#seen.set(key, holder);
      return holder;
    } catch (error) {
      const seen = isUnavailable(error) && this.#seen.get(key);
      if (!seen) throw error;
      return seen;
    }
  }

  async listKeys(workspaceName?: string): Promise<readonly KeyInfo[]> {
    return (await this.#shards.directory.query<KeyRow>(LIST_KEYS, [workspaceName ?? null])).map(toKeyInfo);
  }

  async limitKey(id: string, { tokensPerDay, tokensPerMonth }: Partial<KeyBudget>): Promise<KeyInfo | null> {
    const [row] = await this.#shards.directory.query<KeyRow>(LIMIT_KEY, [
      id,
      tokensPerDay !== undefined,
      tokensPerDay ?? null,
      tokensPerMonth !== undefined,
      tokensPerMonth ?? null,
    ]);
    return row ? toKeyInfo(row) : null;
  }

  async revokeKey(id: string): Promise<KeyInfo | null> {
    const [row] = await this.#shards.directory.query<KeyRow>(REVOKE_KEY, [id]);
    return row ? toKeyInfo(row) : null;
  }
}

function toKeyInfo(row: KeyRow): KeyInfo {
  const { id, name, workspace, createdAt } = row;
  return { id, name, workspace, createdAt, budget: toBudget(row) };
}

function toBudget({ tokens_per_day, tokens_per_month }: BudgetColumns): KeyBudget {
  return { tokensPerDay: tokens_per_day, tokensPerMonth: tokens_per_month };
}
