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
import { table } from '../report.ts';
import { LONG_ANSWER } from './long-answer.ts';
import { BUDGETS, type Figures, measure, type Subject } from './measure.ts';
import { STREAM, steadyInference } from './steady-inference.ts';

/**
 * `npm run bench:page`: what the page promises about its speed, in real Chromium, beside the same measurements
 * of a plain react-markdown page on the same server and conversations. Ends with 1 where a promise is not kept.
 */
const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const TOKENS_PER_SECOND = 200;
const STREAM_SECONDS = 12;
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
    inference: steadyInference(LONG_ANSWER, TOKENS_PER_SECOND, STREAM_SECONDS),
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
  const plain = await measured(plainPage, { scroller: 'html', message: '.message' });
  const page = await measured(PAGE, { scroller: '[role="log"]', message: 'article.answer .markdown' });
  const kept = (name: keyof Figures): boolean => {
    const budget = BUDGETS[name];
    return 'least' in budget ? page[name] >= budget.least : page[name] <= budget.limit;
  };
  const names = Object.keys(BUDGETS) as (keyof Figures)[];
  const facts = machineFacts();
  log(`${facts.processor}, ${facts.cores} cores; load ${facts.load}; question of the streams: ${STREAM}`);
  const rows = names.map((name) => {
    const budget = BUDGETS[name];
    return {
      '': budget.what,
      promised: 'least' in budget ? `≥ ${budget.least}` : `≤ ${budget.limit}`,
      'the page': page[name],
      'plain react-markdown': plain[name],
      kept: kept(name) ? 'yes' : 'no',
    };
  });
  process.stdout.write(`${table(rows)}\n`);
  process.exitCode = names.every(kept) ? 0 : 1;
} finally {
  await rm(plainPage, { recursive: true, force: true });
}
