import { SystemClock } from '../adapters/system/clock.ts';
import { webhookSecretOf } from '../adapters/webhook-http/webhook-sender.ts';
import type { EmbeddedConfig, StoreConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import type { DeadWebhook, Webhooks } from '../ports/webhooks.ts';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';
import { openCommandStore } from './open-command-store.ts';
import { withWebhookSecret } from './webhook-secret.ts';

const PAGE = 200;
const USAGE = 'usage: webhooks secret [WORKSPACE] | webhooks list | webhooks replay ID | webhooks replay all';

/** Beside a running server or without one. */
export async function runWebhooks(config: EmbeddedConfig | StoreConfig, args: readonly string[]): Promise<void> {
  const [verb, what, ...rest] = args;
  const isUsage =
    verb === 'secret' || (verb === 'list' && what === undefined) || (verb === 'replay' && what !== undefined);
  if (!isUsage || rest.length > 0) throw new ExitError('usage', USAGE);
  await using stack = new AsyncDisposableStack();
  const { ports } = await openCommandStore(config, new SystemClock(), stack);
  const { webhooks, workspaces } = ports;
  if (verb === 'list') for await (const each of all(webhooks)) print(describe(each));
  else if (verb === 'replay') await replay(webhooks, what!);
  else {
    const { secret } = config.kind === 'embedded' ? await withWebhookSecret(config) : config.webhooks;
    if (secret === null) throw new ExitError('usage', 'WEBHOOK_SECRET is not set: nobody is told of answers');
    print(webhookSecretOf(secret, (await workspaces.ensure(what ?? DEFAULT_WORKSPACE)).id));
  }
}

async function replay(webhooks: Webhooks, id: string): Promise<void> {
  const ids: string[] = [];
  if (id !== 'all') ids.push(id);
  else for await (const each of all(webhooks)) ids.push(each.generation.id);
  let replayed = 0;
  for (const each of ids) if (await webhooks.replay(each)) replayed += 1;
  if (id !== 'all' && replayed === 0) throw new ExitError('usage', `${id}: there is no such notice that nobody took`);
  print(`${replayed} due again; a running server sends them within seconds`);
}

async function* all(webhooks: Webhooks): AsyncGenerator<DeadWebhook> {
  let before: string | undefined;
  for (;;) {
    const page = await webhooks.dead({ limit: PAGE, ...(before !== undefined && { before }) });
    yield* page;
    if (page.length < PAGE) return;
    before = page.at(-1)!.generation.id;
  }
}

function describe({ generation, url, attempt, error }: DeadWebhook): string {
  return [generation.id, generation.state, `${attempt} attempts`, new URL(url).host, error].join('  ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
