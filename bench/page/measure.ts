import type { Browser, CDPSession, Page } from 'playwright-core';
import { WIDE } from '../../test/page/support/browser.ts';
import { median, percentile, round } from '../statistics.ts';
import { watch } from './in-page.ts';
import { STREAM } from './steady-inference.ts';

/** A page that shows `/c/NUMBER`, and how its parts are found. */
export type Subject = { url: string; scroller: string; message: string };
export type Chats = { long: readonly number[]; short: number };
export type Figures = Record<keyof typeof BUDGETS, number>;

/** What the page promises; `least`: no less than that. */
export const BUDGETS = {
  interactive: { what: '1,000 messages, opened until they can be used (ms)', limit: 300 },
  frame: { what: 'frame at 200 tokens/s, p95 (ms)', limit: 20 },
  longest: { what: 'longest task of more than 50 ms meanwhile', limit: 50 },
  key: { what: 'key until it is seen, 1,000 messages, p95 (ms)', limit: 50 },
  fps: { what: 'frames a second at 200 tokens/s, processor four times slower', least: 45 },
  nodes: { what: 'DOM nodes with 1,000 messages read', limit: 3000 },
  heap: { what: 'heap grown over ten such chats (MB)', limit: 10 },
} as const;

const STREAM_MS = 8_000;
const SLOW_STREAM_MS = 8_000;
const OPENINGS = 5;
const LETTERS = 120;
const LETTER_MS = 45;

export async function measure(browser: Browser, subject: Subject, chats: Chats): Promise<Figures> {
  const [first] = chats.long as [number];
  const context = await browser.newContext({ viewport: WIDE });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await page.addInitScript(watch);
  try {
    const interactive = await openings(page, subject, first);
    const heap = await heapGrowth(page, cdp, subject, chats.long);
    await readToTheTop(page, subject);
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    const key = await keystrokes(page);
    const { frame, longest } = await streaming(page, STREAM_MS);
    await page.goto(`${subject.url}/c/${chats.short}`);
    await page.locator(subject.message).last().waitFor();
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    const { fps } = await streaming(page, SLOW_STREAM_MS);
    const figures = { interactive, frame, longest, key, fps, nodes, heap };
    return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(value) ?? 0])) as Figures;
  } finally {
    await context.close();
  }
}

/** Milliseconds from the navigation until the newest message stands, a frame is drawn and the thread is free. */
async function openings(page: Page, { url, message }: Subject, number: number): Promise<number> {
  const all: number[] = [];
  for (let opening = 0; opening <= OPENINGS; opening++) {
    await page.goto('about:blank');
    await page.goto(`${url}/c/${number}`, { waitUntil: 'commit' });
    const took = await page.evaluate(
      (selector) =>
        new Promise<number>((resolve) => {
          const look = (): void => {
            const ready = document.querySelector('textarea') && document.querySelector(selector);
            if (ready) setTimeout(() => resolve(performance.now()));
            else requestAnimationFrame(look);
          };
          look();
        }),
      message,
    );
    // The first one fills the browser's cache of scripts.
    if (opening > 0) all.push(took);
  }
  return median(all);
}

async function show(page: Page, { message }: Subject, number: number): Promise<void> {
  await page.evaluate((path) => {
    history.pushState(null, '', path);
    window.dispatchEvent(new PopStateEvent('popstate'));
  }, `/c/${number}`);
  await page.locator(message).last().waitFor();
  await page.waitForTimeout(700);
}

async function heapGrowth(page: Page, cdp: CDPSession, subject: Subject, numbers: readonly number[]): Promise<number> {
  const used = async (): Promise<number> => {
    await cdp.send('HeapProfiler.collectGarbage');
    return (await cdp.send('Runtime.getHeapUsage')).usedSize;
  };
  await show(page, subject, numbers[0]!);
  const before = await used();
  for (const number of [...numbers, numbers[0]!]) await show(page, subject, number);
  return Math.max(0, (await used()) - before) / 2 ** 20;
}

async function readToTheTop(page: Page, { scroller }: Subject): Promise<void> {
  let height = -1;
  for (;;) {
    const now = await page.locator(scroller).evaluate((element) => {
      element.scrollTop = 0;
      return element.scrollHeight;
    });
    await page.waitForTimeout(400);
    if (now === height) return;
    height = now;
  }
}

async function keystrokes(page: Page): Promise<number> {
  await page.locator('textarea').last().focus();
  await page.evaluate(() => globalThis.bench.reset());
  await page.keyboard.type('word '.repeat(LETTERS / 5), { delay: LETTER_MS });
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  return percentile(await page.evaluate(() => globalThis.bench.keys), 0.95);
}

async function streaming(page: Page, forMs: number): Promise<{ frame: number; longest: number; fps: number }> {
  await page.locator('textarea').last().fill(STREAM);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForTimeout(1_500);
  await page.evaluate(() => globalThis.bench.reset());
  await page.waitForTimeout(forMs);
  const { frames, longTasks } = await page.evaluate(() => globalThis.bench);
  const sum = frames.reduce((total, each) => total + each, 0);
  return {
    frame: percentile(frames, 0.95),
    longest: Math.max(0, ...longTasks),
    fps: (frames.length / sum) * 1000,
  };
}
