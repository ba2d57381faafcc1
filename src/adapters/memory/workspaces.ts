import type { WorkspaceId } from '../../ports/generations.ts';
import {
  KEY_ID_CHARACTERS,
  type KeyBudget,
  type KeyHolder,
  type KeyInfo,
  type Workspace,
  type Workspaces,
} from '../../ports/workspaces.ts';
import type { MemoryDatabase } from './database.ts';
import { serialUuid } from './serial-uuid.ts';

export class MemoryWorkspaces implements Workspaces {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async ensure(name: string): Promise<Workspace> {
    const known = this.#named(name);
    if (known) return { ...known };
    const workspace = { id: serialUuid(this.#database.nextSerial()), name };
    this.#database.workspaces.set(workspace.id, workspace);
    return { ...workspace };
  }

  async find(name: string): Promise<Workspace | null> {
    const known = this.#named(name);
    return known ? { ...known } : null;
  }

  #named(name: string): Workspace | undefined {
    return [...this.#database.workspaces.values()].find((workspace) => workspace.name === name);
  }

  async addKey(workspaceId: WorkspaceId, name: string, hash: Uint8Array): Promise<void> {
    if (!this.#database.workspaces.has(workspaceId)) throw new Error(`there is no workspace ${workspaceId}`);
    const key = toHex(hash);
    const known = this.#database.apiKeys.get(key);
    if (known !== undefined && known.workspaceId !== workspaceId) {
      throw new Error('this API key belongs to another workspace');
    }
    const budget = { tokensPerDay: null, tokensPerMonth: null };
    if (!known) this.#database.apiKeys.set(key, { workspaceId, name, createdAt: Date.now(), budget });
  }

  async findByKey(hash: Uint8Array): Promise<KeyHolder | null> {
    const key = this.#database.apiKeys.get(toHex(hash));
    if (!key) return null;
    return { workspace: { ...this.#database.workspaces.get(key.workspaceId)! }, budget: { ...key.budget } };
  }

  async limitKey(id: string, budget: Partial<KeyBudget>): Promise<KeyInfo | null> {
    const found = [...this.#database.apiKeys].filter(([hash]) => hash.startsWith(id));
    if (found.length !== 1 || id.length !== KEY_ID_CHARACTERS) return null;
    Object.assign(found[0]![1].budget, budget);
    return (await this.listKeys()).find((key) => key.id === id)!;
  }

  async listKeys(workspaceName?: string): Promise<readonly KeyInfo[]> {
    const all = [...this.#database.apiKeys].map(([hash, { workspaceId, name, createdAt, budget }]) => {
      const workspace = this.#database.workspaces.get(workspaceId)!.name;
      return { id: hash.slice(0, KEY_ID_CHARACTERS), name, workspace, createdAt, budget: { ...budget } };
    });
    return all.filter(({ workspace }) => workspaceName === undefined || workspace === workspaceName);
  }

  async revokeKey(id: string): Promise<KeyInfo | null> {
    const found = (await this.listKeys()).filter((key) => key.id === id);
    if (found.length !== 1) return null;
    for (const hash of this.#database.apiKeys.keys()) if (hash.startsWith(id)) this.#database.apiKeys.delete(hash);
    return found[0]!;
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
