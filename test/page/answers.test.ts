import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { MessageResource, SearchHitResource } from '../../src/protocol/resources.ts';
import {
  answers,
  ask,
  beginsToWrite,
  conversationOf,
  copyAnswer,
  hasEnded,
  openPage,
  startBrowser,
} from './support/browser.ts';
import { IS_PHONE } from './support/matrix.ts';
import { ensurePage, type PageServer, startPageServer } from './support/server.ts';

let server: PageServer;
let browser: Browser;
beforeAll(async () => {
  await ensurePage();
  // The tiny model writes up to its limit of 1024 tokens: some ten seconds, to be interrupted at any of them.
  server = await startPageServer({ ENGINE_PACE_MS: 10 });
  browser = await startBrowser();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

async function stored(number: number): Promise<MessageResource[]> {
  const { items } = await server.json<{ items: MessageResource[] }>(`/users/local/conversations/${number}/messages`);
  return items;
}

/** From here on the page can show only what its stream gives it. */
async function withoutStoredText(page: Page): Promise<void> {
  await page.route(/\/messages(\?|$)/, (route) =>
    route.request().method() === 'GET' ? route.abort() : route.continue(),
  );
}

it('takes a first question to its answer, with a receipt', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await page.getByRole('list', { name: 'Suggestions' }).getByRole('button').first().click();
  await beginsToWrite(page);
  expect(await page.getByRole('button', { name: 'Stop', exact: true }).isVisible()).toBe(true);
  await hasEnded(page);
  await page.waitForURL(/\/c\/\d+$/);
  const [answer, question] = await stored(conversationOf(page));
  expect(question?.role).toBe('user');
  expect(await copyAnswer(page)).toBe(answer?.content);
  const receipt = page.getByRole('button', { name: /Receipt/ });
  expect(await receipt.innerText()).toMatch(/first word .* tokens\/s/);
  await receipt.click();
  await page.getByText('Waited in line').waitFor();
  if (IS_PHONE) await page.getByRole('button', { name: 'Conversations' }).click();
  await page
    .getByRole('navigation')
    .getByRole('link', { name: question?.content ?? '' })
    .waitFor();
  expect(complaints).toEqual([]);
});

it('goes on to the character after a reload in the middle of an answer', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'A reload in the middle');
  await beginsToWrite(page);
  await page.reload();
  await beginsToWrite(page);
  await withoutStoredText(page);
  await hasEnded(page);
  const text = await copyAnswer(page);
  expect(text.length).toBeGreaterThan(0);
  expect(text).toBe((await stored(conversationOf(page)))[0]?.content);
});

it('answers on while the tab is closed', async () => {
  const { page, context } = await openPage(browser, server.url);
  await ask(page, 'Closed and opened again');
  await beginsToWrite(page);
  const address = page.url();
  await page.close();
  const again = await context.newPage();
  await again.goto(address);
  await hasEnded(again);
  expect(await copyAnswer(again)).toBe((await stored(conversationOf(again)))[0]?.content);
});

it('stops at the button and keeps what was written', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'Stop at the button');
  await beginsToWrite(page);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await hasEnded(page, 'cancelled');
  await page.getByText('Stopped. What was written is kept.').waitFor();
  const [answer] = await stored(conversationOf(page));
  expect(answer?.state).toBe('cancelled');
  expect(answer?.content).not.toBe('');
});

it('stops by Escape, and from another tab', async () => {
  const { page, context } = await openPage(browser, server.url);
  await ask(page, 'Stop from elsewhere');
  await beginsToWrite(page);
  const other = await context.newPage();
  await other.goto(page.url());
  await beginsToWrite(other);
  await other.keyboard.press('Escape');
  await hasEnded(other, 'cancelled');
  await hasEnded(page, 'cancelled');
  expect(await copyAnswer(page)).toBe(await copyAnswer(other));
});

it('survives five seconds without a network', async () => {
  const { page, context } = await openPage(browser, server.url);
  await ask(page, 'Offline for a while');
  await beginsToWrite(page);
  await withoutStoredText(page);
  await context.setOffline(true);
  server.network.cut();
  await page.getByText('Offline. The answer goes on').waitFor();
  await page.waitForTimeout(5_000);
  server.network.mend();
  await context.setOffline(false);
  await hasEnded(page);
  expect(await copyAnswer(page)).toBe((await stored(conversationOf(page)))[0]?.content);
});

it('shows one whole answer when the server is killed in the middle and started again', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'Killed in the middle');
  await beginsToWrite(page);
  await server.kill();
  await page.getByText(/Connection lost|The server does not answer/).waitFor();
  await server.start();
  await withoutStoredText(page);
  await hasEnded(page);
  const text = await copyAnswer(page);
  const messages = await stored(conversationOf(page));
  expect(messages).toHaveLength(2);
  expect(text).toBe(messages[0]?.content);
  expect(await answers(page).count()).toBe(1);
});

it('keeps what was typed when sending fails, and asks once however often it is sent', async () => {
  const { page } = await openPage(browser, server.url);
  const keys = new Set<string>();
  let lost = 0;
  // The server gets the request, the page never hears of it.
  await page.route(/\/users\/local\/conversations$/, async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    keys.add(route.request().headers()['idempotency-key'] ?? '');
    lost += 1;
    if (lost > 3) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await ask(page, 'Idempotently sent');
  await page.getByRole('alert').getByText('Not sent.').waitFor({ timeout: 20_000 });
  const field = page.getByRole('textbox', { name: 'Message' });
  expect(await field.inputValue()).toBe('Idempotently sent');
  await page.getByRole('button', { name: 'Try again' }).click();
  await beginsToWrite(page);
  expect(keys.size).toBe(1);
  expect(await field.inputValue()).toBe('');
  const { items } = await server.json<{ items: SearchHitResource[] }>('/users/local/search?q=idempotently');
  expect(items.filter((hit) => hit.role === 'user')).toHaveLength(1);
});
