import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../client/create-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { hasEnded, openPage, phone, startBrowser } from './support/browser.ts';
import { fillChat } from './support/fill-chat.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const QUESTION = 'ما هي عاصمة فرنسا؟';

let browser: Browser;
let server: MemoryStack;
let axe: string;

beforeAll(async () => {
  await ensurePage();
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  browser = await startBrowser();
  const scripts = { [QUESTION]: { text: 'عاصمة فرنسا هي باريس.' }, fail: 'fail' as const };
  server = await startMemoryStack({ inference: pacedInference(scripts), options: { page: PAGE, localUser: true } });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const run = (rules: string[]) =>
    (globalThis as unknown as { axe: { run(o: object): Promise<AxeResults> } }).axe.run({ runOnly: rules });
  const results = await page.evaluate(run, RULES);
  return results.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' | ')}`);
}

const html = (page: Page) => page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);

async function send(page: Page, text: string): Promise<void> {
  await page.locator('textarea[name="message"]').fill(text);
  await page.locator('button.send').click();
}

/** What is said by the frame in words of the Latin alphabet, names left out. */
const latinWords = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const told = [
      ...document.querySelectorAll('[aria-label], [title], [placeholder], button, label, legend, h1, h2, p'),
    ]
      .filter((element) => !element.closest('.markdown, .bubble, .suggestions, select'))
      .flatMap((element) => [
        element.getAttribute('aria-label') ?? '',
        element.getAttribute('title') ?? '',
        element.getAttribute('placeholder') ?? '',
        ...[...element.childNodes].map((node) => (node.nodeType === Node.TEXT_NODE ? (node.textContent ?? '') : '')),
      ]);
    const names = /ChatterBot|Says what a test tells it|Scripted 1B|Markdown|JSON|Enter|Shift|Ctrl|Esc|\bfail\b|API/g;
    return told.map((text) => text.replace(names, '')).filter((text) => /[a-z]{2}/i.test(text));
  });

it('speaks Arabic from right to left once that is chosen, and English again', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  expect(await html(page)).toEqual(['en', 'ltr']);
  await page.keyboard.press('Control+,');
  const language = page.locator('.choice-select');
  await language.focus();
  await language.selectOption({ label: 'العربية' });
  await page.getByRole('heading', { name: 'الإعدادات' }).waitFor();
  expect(await html(page)).toEqual(['ar', 'rtl']);
  await expect.poll(() => language.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await violations(page)).toEqual([]);
  expect(await latinWords(page)).toEqual([]);
  await page.keyboard.press('Escape');

  await send(page, QUESTION);
  await hasEnded(page);
  await send(page, 'fail');
  await hasEnded(page, 'failed');
  const at = async (part: string) => (await page.locator(part).first().boundingBox())!;
  expect((await at('.app-side')).x).toBeGreaterThan((await at('.app-main')).x);
  expect((await at('.bubble')).x).toBeLessThan((await at('.answer')).x + 20);
  expect(await violations(page)).toEqual([]);
  expect(await latinWords(page)).toEqual([]);

  await page.reload();
  await hasEnded(page, 'failed');
  expect(await html(page)).toEqual(['ar', 'rtl']);
  await page.keyboard.press('Control+,');
  await language.selectOption({ label: 'English' });
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  expect(await html(page)).toEqual(['en', 'ltr']);
  expect(complaints).toEqual([]);
});

it('takes the language of the browser at first, and tells errors of the server in it', async () => {
  const { page } = await openPage(browser, server.url, { ...phone, locale: 'de-AT' });
  await page.getByRole('list', { name: 'Vorschläge' }).waitFor();
  expect(await html(page)).toEqual(['de', 'ltr']);
  await send(page, 'fail');
  await hasEnded(page, 'failed');
  await page.getByText('Auch nach mehreren Versuchen ließ sich keine Antwort geben.').waitFor();
  const sideways = () => document.documentElement.scrollWidth > document.documentElement.clientWidth;
  expect(await page.evaluate(sideways)).toBe(false);
});

it('shows what is shared in the language of whoever reads it', async () => {
  const number = await fillChat(server.url, [QUESTION]);
  const { id } = await createClient({ baseUrl: server.url, apiKey: KEY }).user('local').share(number);
  const { page } = await openPage(browser, `${server.url}/s/${id}`, { locale: 'ja-JP' });
  await page.getByText('モデルの回答は間違っていることがあります。').waitFor();
  expect(await html(page)).toEqual(['ja', 'ltr']);
});
