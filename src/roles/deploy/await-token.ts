import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAiHttpInference } from '../../adapters/openai-http/inference.ts';
import { ExitError } from '../../config/exit-codes.ts';
import { reasonOf } from '../../lib/reason-of.ts';

/** Milliseconds. Serve's proxies learn of an application seconds after it runs; a first answer compiles and warms up. */
const [ANSWER_WITHIN_MS, FIRST_TOKEN_MS, AGAIN_AFTER_MS] = [180_000, 120_000, 1000];
const QUESTION = 'Say hi.';
const MOST_TOKENS = 16;

export type FirstToken = { text: string; afterMs: number };

/**
 * Asks until one real answer has come, by the adapter that will ask from then on: an application that counts as
 * running may still refuse or swallow every request.
 */
export async function awaitToken(
  { url, model }: { url: string; model: string },
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<FirstToken> {
  await using inference = new OpenAiHttpInference({
    url,
    contextWindow: 4096,
    continues: true,
    dialect: 'vllm',
    sendsPriority: false,
    connectTimeoutMs: 5000,
    patience: { firstTokenMs: FIRST_TOKEN_MS, idleMs: FIRST_TOKEN_MS, totalMs: ANSWER_WITHIN_MS },
  });
  const started = performance.now();
  for (let told = ''; ; await sleep(AGAIN_AFTER_MS, undefined, { signal })) {
    try {
      return await askOnce(inference, model, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = reasonOf(error);
      if (performance.now() - started > ANSWER_WITHIN_MS) {
        throw new ExitError('deploy', `It runs, but does not answer at ${url}: ${reason}`, { cause: error });
      }
      if (reason !== told) tell(`no answer from ${url} yet: ${reason}`);
      told = reason;
    }
  }
}

async function askOnce(inference: OpenAiHttpInference, model: string, signal: AbortSignal): Promise<FirstToken> {
  const asked = performance.now();
  let text = '';
  let afterMs = 0;
  const take = (piece: string) => {
    if (text === '') afterMs = performance.now() - asked;
    text += piece;
  };
  await inference.generate(
    {
      model,
      messages: [{ role: 'user', content: QUESTION }],
      prefix: { text: '', reasoning: '' },
      maxTokens: MOST_TOKENS,
      temperature: 0,
      affinity: 'deploy',
      lane: 'chat',
    },
    { prompted: () => undefined, text: take, reasoning: take, toolCall: () => undefined },
    signal,
  );
  if (text === '') throw new Error('an answer without a token');
  return { text, afterMs };
}
