import type { GenerationId } from '../../ports/generations.ts';
import type { DeadWebhook, DueWebhook, WebhookOutcome, Webhooks } from '../../ports/webhooks.ts';
import { byId } from './branches.ts';
import { type GenerationRow, type MemoryDatabase, toGeneration, type WebhookColumns } from './database.ts';

type Row = GenerationRow & { webhook: WebhookColumns };

export class MemoryWebhooks implements Webhooks {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async claim(limit: number, leaseMs: number): Promise<readonly DueWebhook[]> {
    const now = this.#database.now();
    const due = this.#rows()
      .filter(({ webhook }) => webhook.dueAt !== null && webhook.dueAt <= now)
      .sort((a, b) => a.webhook.dueAt! - b.webhook.dueAt!)
      .slice(0, limit);
    for (const { webhook } of due) {
      webhook.dueAt = now + leaseMs;
      webhook.attempts += 1;
    }
    return due.map(toDue);
  }

  async settle({ generation, attempt }: DueWebhook, outcome: WebhookOutcome): Promise<void> {
    const webhook = this.#database.generation(generation)?.webhook;
    if (!webhook || webhook.attempts !== attempt || webhook.dueAt === null) return;
    webhook.dueAt = outcome.kind === 'retry' ? this.#database.now() + outcome.delayMs : null;
    webhook.isDead = outcome.kind === 'dead';
    webhook.error = outcome.kind === 'delivered' ? '' : outcome.error;
  }

  async dead({ before, limit }: { before?: GenerationId; limit: number }): Promise<readonly DeadWebhook[]> {
    return this.#rows()
      .filter(({ webhook, id }) => webhook.isDead && (before === undefined || id < before))
      .sort((a, b) => byId(b, a))
      .slice(0, limit)
      .map((row) => ({ ...toDue(row), error: row.webhook.error }));
  }

  async replay(id: GenerationId): Promise<boolean> {
    const webhook = this.#database.generations.get(id)?.webhook;
    if (!webhook?.isDead) return false;
    Object.assign(webhook, { dueAt: this.#database.now(), attempts: 0, isDead: false });
    return true;
  }

  #rows(): Row[] {
    return [...this.#database.generations.values()].filter((row): row is Row => row.webhook !== null);
  }
}

function toDue(row: Row): DueWebhook {
  return { generation: toGeneration(row), url: row.webhook.url, attempt: row.webhook.attempts };
}
