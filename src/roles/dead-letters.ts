import { SystemClock } from '../adapters/system/clock.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import type { DeadLetters } from '../ports/dead-letters.ts';
import type { Generation } from '../ports/generations.ts';
import { openCommandStore } from './open-command-store.ts';

const PAGE = 200;

/** `list`, `replay ID` or `replay all`, beside a running server or without one. */
export async function runDeadLetters(config: EmbeddedConfig | StoreConfig, args: readonly string[]): Promise<void> {
  const [verb, id, ...rest] = args;
  const isUsage = (verb === 'list' && id === undefined) || (verb === 'replay' && id !== undefined && rest.length === 0);
  if (!isUsage)
    throw new ExitError('usage', 'usage: dead-letters list | dead-letters replay ID | dead-letters replay all');
  await using stack = new AsyncDisposableStack();
  const { deadLetters } = (await openCommandStore(config, new SystemClock(), stack)).ports;
  if (verb === 'list') for await (const letter of all(deadLetters)) print(describe(letter));
  else await replay(deadLetters, id!);
}

async function replay(deadLetters: DeadLetters, id: string): Promise<void> {
  const ids: string[] = [];
  if (id !== 'all') ids.push(id);
  else for await (const letter of all(deadLetters)) ids.push(letter.id);
  let replayed = 0;
  for (const each of ids) if (await deadLetters.replay(each)) replayed += 1;
  if (id !== 'all' && replayed === 0) throw new ExitError('usage', `${id}: there is no such dead letter`);
  print(`${replayed} queued again; a running server takes them up within seconds, another one when it starts`);
}

async function* all(deadLetters: DeadLetters): AsyncGenerator<Generation> {
  let before: string | undefined;
  for (;;) {
    const page = await deadLetters.list({ limit: PAGE, ...(before !== undefined && { before }) });
    yield* page;
    if (page.length < PAGE) return;
    before = page.at(-1)!.id;
  }
}

function describe({ id, createdAt, lane, attempts, error }: Generation): string {
  return [id, new Date(createdAt).toISOString(), lane, `${attempts} attempts`, error?.code ?? ''].join('  ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
