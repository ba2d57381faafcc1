import { portFailed } from '../telemetry/events.ts';
import { askAside } from './ask-aside.ts';
import type { HistoryMessage } from './conversation-context.ts';
import type { Run } from './run.ts';

/** Characters of the question and of the answer: what they are about is said early. */
const READ_CHARS = 600;
const MAX_TOKENS = 32;
const LONGEST_TITLE = 80;

const TASK =
  'Below are the first question of a conversation and its answer. Write a title for the conversation: two to six words, in the language of the question, that say what it is about. Write the title and nothing else.';

/**
 * After the first answer of a conversation that wants one: has a title made, in the batch lane. Never rejects:
 * without it the first words stay the title.
 */
export async function askForTitle(run: Run, history: readonly HistoryMessage[]): Promise<void> {
  const { host, generation, writer } = run;
  const { params, conversationNumber: number } = generation;
  const question = history.at(-1)?.content;
  if (!host.settings.titles || !params.autoTitle || question === undefined) return;
  try {
    const conversation = await host.ports.conversations.get(generation.userId, number);
    if (!conversation || conversation.temporary) return;
    const answer = writer.text.toString();
    await askAside(run, {
      title: 'Title',
      content: `${TASK}\n\nQuestion: ${begin(question)}\n\nAnswer: ${begin(answer)}\n\nTitle:`,
      key: `title ${generation.conversationId}`,
      params: {
        ...(params.model !== undefined && { model: params.model }),
        maxTokens: MAX_TOKENS,
        titleOf: { number, words: conversation.title },
      },
    });
  } catch (error) {
    portFailed({ port: 'outbox', operation: 'title', generation: generation.id, error });
  }
}

/** After the answer to that: it takes the place of the first words, unless somebody gave another title meanwhile. */
export async function keepTitle({ host, generation, writer }: Run): Promise<void> {
  const { titleOf } = generation.params;
  const title = titleOf && titleFrom(writer.text.toString());
  if (!title) return;
  try {
    await host.ports.conversations.update(generation.userId, titleOf.number, { title, ifTitle: titleOf.words });
  } catch (error) {
    portFailed({ port: 'conversations', operation: 'title', generation: generation.id, error });
  }
}

const begin = (text: string): string => text.slice(0, READ_CHARS).toWellFormed();

/** Null where a model wrote something else than a title. */
export function titleFrom(text: string): string | null {
  const line = text.trim().split('\n', 1)[0]!;
  const title = line
    .replaceAll(/[*_`#]/g, '')
    .replace(/^\s*title\s*[:：]/i, '')
    .replace(/^["'“”„«‘「『\s]+|["'“”«»’」』\s.。:：]+$/gu, '')
    .replaceAll(/\p{Cc}/gu, '');
  return title.length >= 2 && title.length <= LONGEST_TITLE && /[\p{L}\p{N}]/u.test(title) ? title : null;
}
