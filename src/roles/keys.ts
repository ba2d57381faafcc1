import { createHash, randomBytes } from 'node:crypto';
import { SystemClock } from '../adapters/system/clock.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { type KeyBudget, type KeyInfo, keyIdOf, type Workspaces } from '../ports/workspaces.ts';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';
import { openCommandStore } from './open-command-store.ts';

const USAGE = `usage: keys add NAME [WORKSPACE] [--tokens-per-day N] [--tokens-per-month N] | keys list [WORKSPACE]
| keys limit ID --tokens-per-day N|none | --tokens-per-month N|none | keys revoke ID`;
const WORKSPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const LONGEST_NAME = 200;
const BUDGETS: Readonly<Record<string, keyof KeyBudget>> = {
  '--tokens-per-day': 'tokensPerDay',
  '--tokens-per-month': 'tokensPerMonth',
};

/** A new key is printed once and kept by its hash; a revoked one is refused everywhere within a second. */
export async function runKeys(config: EmbeddedConfig | StoreConfig, args: readonly string[]): Promise<void> {
  const { words, budget } = readBudget(args);
  const [verb, first, second, ...rest] = words;
  const hasBudget = Object.keys(budget).length > 0;
  const isUsage =
    rest.length === 0 &&
    ((verb === 'add' && first !== undefined) ||
      (verb === 'list' && second === undefined && !hasBudget) ||
      (verb === 'limit' && first !== undefined && second === undefined && hasBudget) ||
      (verb === 'revoke' && first !== undefined && second === undefined && !hasBudget));
  if (!isUsage) throw new ExitError('usage', USAGE);
  await using stack = new AsyncDisposableStack();
  const { workspaces } = (await openCommandStore(config, new SystemClock(), stack)).ports;
  if (verb === 'add') await add(workspaces, first!, second ?? DEFAULT_WORKSPACE, budget);
  else if (verb === 'list') await list(workspaces, first);
  else if (verb === 'limit') print(lineOf(known(await workspaces.limitKey(first!, budget), first!)));
  else print(`${lineOf(known(await workspaces.revokeKey(first!), first!))}: revoked`);
}

function readBudget(args: readonly string[]): { words: string[]; budget: Partial<KeyBudget> } {
  const words: string[] = [];
  const budget: Partial<KeyBudget> = {};
  for (let index = 0; index < args.length; index++) {
    const name = BUDGETS[args[index]!];
    if (!name) words.push(args[index]!);
    else budget[name] = tokensOf(args[index]!, args[++index] ?? '');
  }
  return { words, budget };
}

function tokensOf(flag: string, text: string): number | null {
  if (text === 'none') return null;
  const tokens = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (tokens < 1) throw new ExitError('usage', `${flag}: "${text}" is neither a number of tokens from 1 on nor none`);
  return tokens;
}

async function add(workspaces: Workspaces, name: string, workspace: string, budget: Partial<KeyBudget>): Promise<void> {
  if (!WORKSPACE.test(workspace)) throw new ExitError('usage', `${workspace}: a workspace is a-z, 0-9 and -`);
  if (name.length > LONGEST_NAME) throw new ExitError('usage', `a name has at most ${LONGEST_NAME} characters`);
  const key = `cb_${randomBytes(24).toString('base64url')}`;
  const hash = createHash('sha256').update(key).digest();
  const { id } = await workspaces.ensure(workspace);
  await workspaces.addKey(id, name, hash);
  // Before anybody knows the key.
  await workspaces.limitKey(keyIdOf(hash), budget);
  print(key);
  process.stderr.write(`Key ${name} of workspace ${workspace}. It is shown this once.\n`);
}

async function list(workspaces: Workspaces, workspace: string | undefined): Promise<void> {
  for (const key of await workspaces.listKeys(workspace)) print(lineOf(key));
}

function known(key: KeyInfo | null, id: string): KeyInfo {
  if (!key) throw new ExitError('usage', `${id}: there is no such key; \`keys list\` shows their ids`);
  return key;
}

function lineOf({ id, name, workspace, createdAt, budget }: KeyInfo): string {
  const limits = [
    ...(budget.tokensPerDay === null ? [] : [`${budget.tokensPerDay} tokens a day`]),
    ...(budget.tokensPerMonth === null ? [] : [`${budget.tokensPerMonth} tokens a month`]),
  ];
  return [id, new Date(createdAt).toISOString(), workspace, name, ...limits].join('  ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
