import { expect, test } from 'vitest';
import type { OpenAiHttpOptions } from '../../src/adapters/openai-http/options.ts';
import { answerText, startFakeUpstream } from '../support/fake-upstream.ts';
import { call } from '../support/http-client.ts';
import { KEY, startMemoryStack } from '../support/memory-stack.ts';
import { openPool } from '../support/pooled-upstreams.ts';
import { type Told, WAYS } from '../support/ways-in.ts';

/** Tokens of the whole answer: more than all attempts bring where each call breaks off after five. */
const TOKENS = 60;
const SHORT: Partial<OpenAiHttpOptions> = { patience: { firstTokenMs: 800, idleMs: 800, totalMs: 20_000 } };

/** `isRequests`: the fault is the request's, so that every server would say the same. */
type Fault = { name: string; mark: string; options?: Partial<OpenAiHttpOptions>; isRequests?: true };
const FAULTS: readonly Fault[] = [
  { name: '400', mark: 'status:400', isRequests: true },
  ...[401, 404, 429, 500, 503].map((status) => ({ name: `${status}`, mark: `status:${status}` })),
  { name: 'reset before headers, six times', mark: 'reset:6' },
  { name: 'cut within an event', mark: 'cut-event:5' },
  { name: 'cut within a character', mark: 'cut-character:5' },
  { name: 'cut between two events', mark: 'cut-answer:5' },
  { name: 'stall before the first token', mark: 'silent', options: SHORT },
  { name: 'stall within the answer', mark: 'stall:5', options: SHORT },
  { name: 'error event in a 200', mark: 'error-event:5' },
  { name: 'empty stream', mark: 'empty' },
  { name: 'missing `[DONE]`', mark: 'no-done' },
];

const questionOf = ({ mark }: Fault) => `Tell me [[${mark}]]`;

/** The same question by every way in at once. `beside`: another server has the model, too, and is well. */
async function askEveryWay(fault: Fault, beside: boolean): Promise<Record<string, Told>> {
  await using faulty = await startFakeUpstream({ length: TOKENS });
  await using well = await startFakeUpstream({ length: TOKENS, ignoresFaults: !fault.isRequests });
  const servers = beside ? [faulty, well] : [faulty];
  await using inference = await openPool([{ id: 'chat', servers }], fault.options);
  await using stack = await startMemoryStack({ inference, slots: 16, sweeps: true });
  const door = { url: stack.url, key: KEY };
  const told = await Promise.all(
    Object.entries(WAYS).map(async ([way, ask]) => [way, await ask(door, questionOf(fault))] as const),
  );
  const failed = told.filter(([way, { error }]) => error !== null && !way.startsWith('OpenAI'));
  const letters = await call(stack.url, 'GET', '/dead-letters', { key: KEY });
  expect(letters.json.items).toHaveLength(failed.length);
  return Object.fromEntries(told);
}

function inWords({ text, error, status }: Told, whole: string): string {
  if (error === null) return text === whole ? 'whole' : 'NOT WHOLE, AND NOT TOLD';
  // Whatever comes before an error is the answer's own beginning.
  if (!whole.startsWith(text)) return 'TORN';
  const what = `${status === null ? '' : `${status} `}\`${error}\``;
  return text === '' ? what : `a part, then ${what}`;
}

async function rowOf(fault: Fault): Promise<string> {
  const whole = answerText(questionOf(fault), TOKENS);
  const [alone, beside] = await Promise.all([askEveryWay(fault, false), askEveryWay(fault, true)]);
  const words = (told: Record<string, Told>) => Object.values(told).map((each) => inWords(each, whole));
  const isSame = words(alone).join() === words(beside).join();
  const besides = isSame && fault.isRequests ? 'the same' : [...new Set(words(beside))].join(', ');
  return `| ${[fault.name, ...words(alone), besides].join(' | ')} |`;
}

test('each fault of an inference server, by every way in, is told as documented', async () => {
  const rows = await Promise.all(FAULTS.map(rowOf));
  const head = ['fault of the server', ...Object.keys(WAYS), 'any, with a well server beside it'];
  const table = [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n');
  expect(table).not.toMatch(/NOT WHOLE|TORN/);
  await expect(`${INTRODUCTION}\n${table}\n`).toMatchFileSnapshot('../../docs/concepts/upstream-faults.md');
});

const INTRODUCTION = `# Faults of an inference server, by every way in

Written by \`vitest --project=faults test/faults/upstream-faults.test.ts -u\`; the same test fails where it is not so any more. A server that speaks vLLM's wire format does what stands in the first column, on every attempt; two attempts are allowed. The last column: the model has a second server, which is well. Nothing is lost: what was accepted and failed is a dead letter, and may be replayed; what the OpenAI routes were not asked to store is not.
`;
