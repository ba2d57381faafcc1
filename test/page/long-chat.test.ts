import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { ask, hasEnded, openPage, PATIENTLY, startBrowser } from './support/browser.ts';
import { fillChat } from './support/fill-chat.ts';
import { pacedInference } from './support/paced-inference.ts';
import { LONG_TEXT } from './support/sample-text.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const MESSAGES = 1000;
const NODES_AT_MOST = 3000;

let browser: Browser;
let server: MemoryStack;
let address: string;

beforeAll(async () => {
  await ensurePage();
  server = await startMemoryStack({
    inference: pacedInference({ 'at length': { text: LONG_TEXT }, slowly: { text: LONG_TEXT, tokenMs: 20 } }),
    options: { page: PAGE, localUser: true, chatPerMinute: 10_000 },
  });
  const questions = Array.from({ length: MESSAGES / 2 }, (_, index) =>
    index % 10 === 9 ? 'at length' : `Question ${index + 1} of many`,
  );
  address = `${server.url}/c/${await fillChat(server.url, questions)}`;
  browser = await startBrowser();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const transcript = (page: Page) => page.getByRole('log');
const nodes = (page: Page): Promise<number> => page.evaluate(() => document.querySelectorAll('*').length);
const fromEnd = (page: Page): Promise<number> =>
  transcript(page).evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop);

it('opens a chat of a thousand messages at its end, and can be read to its beginning', async () => {
  const { page, complaints } = await openPage(browser, address);
  await page.getByText('You said: Question 499 of many').waitFor();
  await expect.poll(() => fromEnd(page), PATIENTLY).toBeLessThan(24);
  const first = page.getByText('You said: Question 1 of many');
  await expect
    .poll(
      async () => {
        await transcript(page).evaluate((element) => {
          element.scrollTop = 0;
        });
        return first.isVisible();
      },
      { timeout: 60_000 },
    )
    .toBe(true);
  expect(await nodes(page)).toBeLessThanOrEqual(NODES_AT_MOST);
  await page.getByRole('button', { name: 'To the newest' }).click();
  await expect.poll(() => fromEnd(page), PATIENTLY).toBeLessThan(24);
  await page.getByText('You said: Question 499 of many').waitFor();
  expect(complaints).toEqual([]);
});

it('shows the end of a chat that is chosen at the side, however much higher its messages are than expected', async () => {
  const number = await fillChat(server.url, Array<string>(30).fill('at length'));
  const { page } = await openPage(browser, address);
  await page.getByText('You said: Question 499 of many').waitFor();
  await page.locator(`a[href="/c/${number}"]`).click();
  await page.getByText('at length').last().waitFor();
  const steady = async (): Promise<boolean> => {
    const before = await transcript(page).evaluate((element) => element.scrollHeight);
    await page.waitForTimeout(300);
    return before === (await transcript(page).evaluate((element) => element.scrollHeight));
  };
  await expect.poll(steady, PATIENTLY).toBe(true);
  expect(await fromEnd(page)).toBeLessThan(24);
});

it('keeps what is read in its place when older messages come, and while an answer is written', async () => {
  const { page } = await openPage(browser, address);
  await ask(page, 'slowly');
  await page.locator('article.answer[data-state="running"] .markdown').waitFor();
  const mark = page.getByText('You said: Question 485 of many');
  await transcript(page).hover();
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, -400);
      return mark.isVisible();
    }, PATIENTLY)
    .toBe(true);
  // What is newly drawn above is measured first.
  const top = () => mark.evaluate((element) => Math.round(element.getBoundingClientRect().top));
  const still = async (): Promise<boolean> => {
    const before = await top();
    await page.waitForTimeout(250);
    return before === (await top());
  };
  await expect.poll(still, PATIENTLY).toBe(true);
  const place = await top();
  const height = () => transcript(page).evaluate((element) => element.scrollHeight);
  const before = await height();
  await expect.poll(height, PATIENTLY).toBeGreaterThan(before + 200);
  expect(await top()).toBe(place);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await hasEnded(page, 'cancelled');
  await page.waitForTimeout(300);
  expect(await top()).toBe(place);
});

it('finds a message far up, and the place that was read after a reload', async () => {
  const { page } = await openPage(browser, address);
  await transcript(page).waitFor();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('Question 333');
  await page.getByRole('group', { name: 'Said in chats' }).getByRole('option').first().waitFor();
  await page.getByRole('option').filter({ hasText: 'You said' }).first().click();
  const hit = page.getByText('You said: Question 333 of many');
  await hit.waitFor({ timeout: 60_000 });
  const inView = () => hit.evaluate((element) => element.getBoundingClientRect().top);
  await expect.poll(inView, PATIENTLY).toBeGreaterThan(60);
  await expect.poll(inView, PATIENTLY).toBeLessThan(600);

  await page.goto(address);
  await page.getByText('You said: Question 499 of many').waitFor();
  await transcript(page).hover();
  const mark = page.getByText('You said: Question 491 of many');
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, -300);
      return mark.isVisible();
    }, PATIENTLY)
    .toBe(true);
  await expect
    .poll(() => page.evaluate(() => sessionStorage.getItem('chatterbot.positions')), PATIENTLY)
    .toContain('offset');
  await page.waitForTimeout(300);
  const topOf = () => mark.evaluate((element) => element.getBoundingClientRect().top);
  const place = await topOf();
  await page.reload();
  await mark.waitFor();
  // Heights are fractions of a pixel, places whole ones.
  await expect.poll(async () => Math.abs((await topOf()) - place), PATIENTLY).toBeLessThanOrEqual(1);
});

it('loses neither the focus nor what was opened by scrolling, and prints everything', async () => {
  const { page } = await openPage(browser, address);
  const receipt = page
    .locator('article.answer')
    .filter({ hasText: 'Question 485 of many' })
    .getByRole('button', { name: /Receipt/ });
  await transcript(page).hover();
  await expect
    .poll(async () => {
      await page.mouse.wheel(0, -400);
      return receipt.isVisible();
    }, PATIENTLY)
    .toBe(true);
  await receipt.click();
  await page.getByText('Waited in line').waitFor();
  await page.getByRole('button', { name: 'To the newest' }).click();
  await expect.poll(() => fromEnd(page), PATIENTLY).toBeLessThan(24);
  expect(await transcript(page).evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await receipt.getAttribute('aria-expanded')).toBe('true');
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  expect(await page.locator('article.answer').count()).toBeGreaterThanOrEqual(25);
  await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
});
