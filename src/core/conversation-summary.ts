import { guessTokens } from '../lib/guess-tokens.ts';
import type { Cache } from '../ports/cache.ts';
import type { ConversationId, MessageId } from '../ports/generations.ts';
import { portFailed } from '../telemetry/events.ts';
import { askAside } from './ask-aside.ts';
import type { HistoryMessage } from './conversation-context.ts';
import type { Run } from './run.ts';

/** Of a branch, from its beginning to this message and with it: true for every branch that goes through it. */
export type Summary = { upTo: MessageId; text: string };

/** Share of the model's window that is filled with what is to be summed up. */
const FILL = 0.5;

const TASK =
  'Below is the beginning of a conversation. Sum it up in one paragraph for somebody who goes on with it: what was asked, what was answered and decided, names and figures that matter. Write the summary and nothing else.';

export const summaryKey = (conversationId: ConversationId) => `summary:${conversationId}`;

async function readSummary({ cache }: { cache: Cache }, conversationId: ConversationId): Promise<Summary | null> {
  const bytes = await cache.get(summaryKey(conversationId));
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Summary);
}

/** Undefined where none are made. */
export function summaryReader({ host, generation }: Run): (() => Promise<Summary | null>) | undefined {
  return host.settings.summary ? () => readSummary(host.ports, generation.conversationId) : undefined;
}

/**
 * After an answer whose prompt left messages out: has them summed up, in the batch lane, for the answers to come.
 * Once for each stretch, whoever asks. Never rejects: without a summary the conversation goes on as before.
 */
export async function askForSummary(run: Run, history: readonly HistoryMessage[]): Promise<void> {
  const { host, generation } = run;
  const { summary: settings } = host.settings;
  if (!settings || run.figures.trimmed === 0) return;
  try {
    const fallen = history.filter(({ content }) => content !== '').slice(0, run.figures.trimmed);
    const before = await readSummary(host.ports, generation.conversationId);
    const covered = before ? fallen.findIndex(({ id }) => id === before.upTo) + 1 : 0;
    const models = host.ports.inference.models();
    const model = models.find(({ id }) => id === generation.params.model) ?? models[0];
    const fresh = fallen.slice(covered);
    if (!model || fresh.length < settings.every) return;
    const { words, upTo } = wordsOf(fresh, model.contextWindow * FILL);
    const known = covered > 0 && before ? [`What came before: ${before.text}`] : [];
    const { conversationId } = generation;
    await askAside(run, {
      title: 'Summary',
      content: [TASK, ...known, words].join('\n\n'),
      key: `summary ${conversationId} ${upTo}`,
      params: { model: model.id, maxTokens: settings.maxTokens, summaryOf: { conversationId, upTo } },
    });
  } catch (error) {
    portFailed({ port: 'outbox', operation: 'summarise', generation: generation.id, error });
  }
}

/** After the answer to that: it stands in for what it sums up, unless that was deleted meanwhile. */
export async function keepSummary({ host, generation, writer }: Run): Promise<void> {
  const { summary: settings } = host.settings;
  const { summaryOf } = generation.params;
  if (!settings || !summaryOf) return;
  const { conversationId, upTo } = summaryOf;
  const { cache, conversations } = host.ports;
  const standing = await readSummary(host.ports, conversationId);
  if (standing && standing.upTo >= upTo) return;
  if (!(await conversations.message(generation.userId, upTo))) return;
  const summary: Summary = { upTo, text: writer.text.toString().trim() };
  if (summary.text === '') return;
  await cache.set(summaryKey(conversationId), new TextEncoder().encode(JSON.stringify(summary)), settings.ttlMs);
}

/** As many of the oldest as fit; of one that is too long alone its beginning. The rest has its turn later. */
function wordsOf(messages: readonly HistoryMessage[], tokens: number): { words: string; upTo: MessageId } {
  const lines: string[] = [];
  let left = tokens;
  let upTo = messages[0]!.id;
  for (const { id, role, content } of messages) {
    const line = `${role === 'user' ? 'Person' : 'Assistant'}: ${content}`;
    left -= guessTokens(line);
    if (left < 0 && lines.length > 0) break;
    lines.push(left < 0 ? line.slice(0, tokens) : line);
    upTo = id;
  }
  return { words: lines.join('\n\n'), upTo };
}
