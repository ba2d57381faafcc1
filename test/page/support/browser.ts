import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { LOOK, phone } from './matrix.ts';

export { phone };

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export async function startBrowser(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const executablePath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!executablePath) throw new Error('The tests of the page need Chromium, and none was found.');
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

export type Opened = {
  context: BrowserContext;
  page: Page /** What the page complained about. */;
  complaints: string[];
};

/** For `expect.poll`, whose own patience is a second. */
export const PATIENTLY = { timeout: 20_000 };

export const WIDE = { width: 1280, height: 860 };

/** A fresh profile. What fails on its own account (a script error, a refused policy) is in `complaints`. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({
    viewport: WIDE,
    permissions: ['clipboard-read', 'clipboard-write'],
    ...LOOK,
    // What is kept for later is fetched while a test looks elsewhere; those of it say so.
    serviceWorkers: 'block',
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_|status of \d/.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return { context, page, complaints };
}

export async function ask(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

export const answers = (page: Page) => page.locator('article.answer');

/** The newest answer once it has any text at all. */
export async function beginsToWrite(page: Page): Promise<void> {
  await answers(page).last().locator('.markdown').waitFor();
}

export async function hasEnded(page: Page, state: 'done' | 'cancelled' | 'failed' = 'done', count = 1): Promise<void> {
  await page
    .locator(`article.answer[data-state="${state}"]`)
    .nth(count - 1)
    .waitFor({ timeout: 90_000 });
}

/** The raw text of the newest answer as the page holds it. */
export async function copyAnswer(page: Page): Promise<string> {
  await answers(page).last().getByRole('button', { name: 'Copy', exact: true }).last().click();
  await answers(page).last().getByRole('button', { name: 'Copied' }).waitFor();
  return page.evaluate(() => navigator.clipboard.readText());
}

export function conversationOf(page: Page): number {
  return Number(/\/c\/(\d+)/.exec(page.url())?.[1]);
}
