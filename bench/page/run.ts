import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { startBrowser } from '../../test/page/support/browser.ts';
import { fillChat } from '../../test/page/support/fill-chat.ts';
import { ensurePage } from '../../test/page/support/server.ts';
import { startMemoryStack } from '../../test/support/memory-stack.ts';
import { machineFacts } from '../machine.ts';
import { goalRow, table } from '../report.ts';
import { atLeast, atMost, type GoalResult } from '../scenarios/scenario.ts';
import { LONG_ANSWER } from './long-answer.ts';
import { BUDGETS, type Figures, measure, type Subject } from './measure.ts';
import { steadyInference } from './steady-inference.ts';

/**
 * `npm run bench:page`: what the page promises about its speed, in real Chromium, beside the same measurements
 * of a plain react-markdown page on the same server and conversations; `-- alone` leaves that one out. Ends with 1
 * where a promise is not kept.
 */
const ALONE = process.argv.includes('alone');
const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const TOKENS_PER_SECOND = 200;
const LONG_CHATS = 10;
const unlimited = { chatPerMinute: 1e6, requestsPerMinute: 1e6, maxStreamsPerUser: 1000 };
const log = (line: string): unknown => process.stderr.write(`${line}\n`);

const plainPage = await mkdtemp(join(tmpdir(), 'cb-plain-'));
await ensurePage();
await build({
  root: fileURLToPath(new URL('plain/', import.meta.url)),
  base: '/',
  logLevel: 'warn',
  build: { outDir: plainPage, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

async function measured(page: string, subject: Omit<Subject, 'url'>): Promise<Figures> {
  await using server = await startMemoryStack({
    inference: steadyInference(LONG_ANSWER, TOKENS_PER_SECOND),
    options: { page, localUser: true, ...unlimited },
  });
  await using browser = await startBrowser();
  const chat = (messages: number): Promise<number> =>
    fillChat(
      server.url,
      Array.from({ length: messages / 2 }, (_, index) => `Question ${index + 1}`),
    );
  log('filling the chats');
  const long = await Promise.all(Array.from({ length: LONG_CHATS }, () => chat(1000)));
  const short = await chat(50);
  log('measuring');
  return await measure(browser, { url: server.url, ...subject }, { long, short });
}

try {
  const plain = ALONE ? null : await measured(plainPage, { scroller: 'html', message: '.message' });
  const page = await measured(PAGE, { scroller: '[role="log"]', message: 'article.answer .markdown' });
  const names = Object.keys(BUDGETS) as (keyof Figures)[];
  const goals = names.map((name) => goalOf(name, page[name]));
  const { processor, cores, load } = machineFacts();
  log(`${processor}, ${cores} cores; load ${load}`);
  const rows = goals.map((goal, at) => {
    const { '': met, ...row } = goalRow(goal);
    return { ...row, ...(plain && { 'plain react-markdown': plain[names[at]!] }), '': met! };
  });
  process.stdout.write(`${table(rows)}\n`);
  process.exitCode = goals.every(({ isMet }) => isMet) ? 0 : 1;
} finally {
  await rm(plainPage, { recursive: true, force: true });
}

function goalOf(name: keyof Figures, got: number): GoalResult {
  const budget = BUDGETS[name];
  return 'least' in budget ? atLeast(budget.what, budget.least, got) : atMost(budget.what, budget.limit, got);
}
