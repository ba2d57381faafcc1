import { createClient } from '../../../client/create-client.ts';
import { KEY } from '../../support/memory-stack.ts';

/** Asks the questions one after the other in a conversation of the local user; returns its number. */
export async function fillChat(url: string, questions: readonly string[]): Promise<number> {
  const client = createClient({ baseUrl: url, apiKey: KEY });
  const user = client.user('local');
  let number: number | undefined;
  for (const message of questions) {
    const accepted = await user.send({ message, ...(number !== undefined && { conversation: number }) });
    number = accepted.conversation;
    await client.answer(accepted.id);
  }
  return number!;
}
