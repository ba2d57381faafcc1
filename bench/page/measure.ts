import type { Browser, CDPSession, Page } from 'playwright-core';
import { WIDE } from '../../test/page/support/browser.ts';
import { median, percentile, round } from '../statistics.ts';
import { watch } from './in-page.ts';
import { STREAM, STREAM_SECONDS } from './steady-inference.ts';

/** A page that shows `/c/NUMBER`, and how its parts are found. */
export type Subject = { url: string; scroller: string; message: string };
export type Chats = { long: readonly number[]; short: number };
export type Figures = Record<keyof typeof BUDGETS, number>;

/** What the page promises; `least`: no less than that. */
export const BUDGETS = {
  opened: { what: '1,000 messages, from the address until read and written (ms)', limit: 300 },
  shown: { what: 'the same from a click at the side', limit: 300 },
  frame: { what: 'frame at 200 tokens/s, p95 (ms)', limit: 20 },
  longest: { what: 'longest task meanwhile; 0: none of more than 50 ms', limit: 50 },
  key: { what: 'key until it is seen, 1,000 messages, p95 (ms)', limit: 50 },
  fps: { what: 'frames a second at 200 tokens/s, processor four times slower', least: 45 },
  nodes: { what: 'DOM nodes with 1,000 messages read', limit: 3000 },
  heap: { what: 'heap grown over ten such chats (MB)', limit: 10 },
} as const;

const AFTER_STREAM_MS = 1_000;
const OPENINGS = 7;
const PAUSE_MS = 700;
const LETTERS = 120;
const LETTER_MS = 45;

export async function measure(browser: Browser, subject: Subject, chats: Chats): Promise<Figures> {
  const [first] = chats.long as [number];
  const context = await browser.newContext({ viewport: WIDE });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  await page.addInitScript(watch);
  try {
    const opened = await openings(page, subject, first);
    const { shown, heap } = await showAll(page, cdp, subject, chats);
    await readToTheTop(page, subject);
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    const key = await keystrokes(page);
    const { frame, longest } = await streaming(page);
    await open(page, subject, chats.short);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    const { fps } = await streaming(page);
    const figures = { opened, shown, frame, longest, key, fps, nodes, heap };
    return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, round(value) ?? 0])) as Figures;
  } finally {
    await context.close();
  }
}

/** Milliseconds from the navigation until the newest message is drawn, and then a key seen. */
async function openings(page: Page, subject: Subject, number: number): Promise<number> {
  // The first one fills the browser's caches.
  await open(page, subject, number);
  await page.waitForTimeout(3_000);
  const all: number[] = [];
  for (let opening = 0; opening < OPENINGS; opening++) {
    all.push((await open(page, subject, number)) + (await oneKey(page)));
    await page.waitForTimeout(PAUSE_MS);
  }
  return median(all);
}

async function open(page: Page, { url, message }: Subject, number: number): Promise<number> {
  await page.goto('about:blank');
  await page.goto(`${url}/c/${number}`, { waitUntil: 'commit' });
  return await page.evaluate((selector) => globalThis.bench.drawn(selector), message);
}

async function oneKey(page: Page): Promise<number> {
  await page.locator('textarea').last().focus();
  await page.evaluate(() => globalThis.bench.reset());
  await page.keyboard.press('x');
  const key = await page.evaluate(async () => {
    while (globalThis.bench.keys.length === 0) await new Promise(requestAnimationFrame);
    return globalThis.bench.keys[0]!;
  });
  if ((await page.locator('textarea').last().inputValue()) !== 'x') throw new Error('A key was not taken.');
  await page.keyboard.press('Backspace');
  return key;
}

/** One long chat after another, as a person does who looks for something. */
async function showAll(page: Page, cdp: CDPSession, { message }: Subject, chats: Chats) {
  const used = async (): Promise<number> => {
    await cdp.send('HeapProfiler.collectGarbage');
    return (await cdp.send('Runtime.getHeapUsage')).usedSize;
  };
  const show = async (number: number): Promise<number> => {
    const drawn = await page.evaluate(([to, what]) => globalThis.bench.show(to, what), [number, message] as const);
    const took = drawn + (await oneKey(page));
    await page.waitForTimeout(PAUSE_MS);
    return took;
  };
  await show(chats.short);
  const before = await used();
  const all: number[] = [];
  for (const number of chats.long) all.push(await show(number));
  await show(chats.short);
  const heap = Math.max(0, (await used()) - before) / 2 ** 20;
  await show(chats.long[0]!);
  // The first one was opened before.
  return { shown: median(all.slice(1)), heap };
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

/** From the click that sends to the end of the answer and what is done then. */
async function streaming(page: Page): Promise<{ frame: number; longest: number; fps: number }> {
  await page.locator('textarea').last().fill(STREAM);
  await page.evaluate(() => globalThis.bench.reset());
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForTimeout(STREAM_SECONDS * 1000 + AFTER_STREAM_MS);
  const { frames, longTasks } = await page.evaluate(() => globalThis.bench);
  const sum = frames.reduce((total, each) => total + each, 0);
  return {
    frame: percentile(frames, 0.95),
    longest: Math.max(0, ...longTasks),
    fps: (frames.length / sum) * 1000,
  };
}
