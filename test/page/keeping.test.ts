import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { violations } from './support/axe.ts';
import { answers, ask, conversationOf, hasEnded, openPage, PATIENTLY, phone, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const LOOKS = [{ colorScheme: 'light' as const }, { ...phone, colorScheme: 'dark' as const }];

let browser: Browser;
let server: MemoryStack;

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
  server = await startMemoryStack({ inference: pacedInference({}), options: { page: PAGE, localUser: true } });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const side = (page: Page) => page.getByRole('navigation', { name: 'Conversations' });

async function menu(page: Page, title: string, entry: string): Promise<void> {
  const row = side(page).locator('.side-item', { hasText: title }).first();
  await row.hover();
  await row.getByRole('button', { name: `More for ${title}` }).click();
  await page.getByRole('menuitem', { name: entry, exact: true }).click();
}

async function command(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(words);
  await page.getByRole('option', { name: words }).first().click();
}

it('sorts chats into folders, by menu and by palette; a removed folder leaves them', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await ask(page, 'Of my thesis');
  await hasEnded(page);
  await menu(page, 'Of my thesis', 'Move to a folder');
  await page.getByLabel('New folder').fill('Thesis');
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Make' }).click();
  const folder = side(page).getByRole('button', { name: 'Thesis', exact: true });
  await folder.waitFor();
  await expect.poll(() => side(page).getByRole('link', { name: 'Of my thesis' }).count(), PATIENTLY).toBe(0);
  await folder.click();
  await side(page).getByRole('link', { name: 'Of my thesis' }).waitFor();
  await page.reload();
  await side(page).getByRole('link', { name: 'Of my thesis' }).waitFor();
  await side(page).getByRole('link', { name: 'Of my thesis' }).click();
  await command(page, 'Move this chat to a folder');
  await page.getByRole('button', { name: 'No folder' }).click();
  await side(page).getByText('Empty', { exact: true }).waitFor();
  await side(page).getByRole('button', { name: 'Change folder Thesis' }).click();
  await page.getByRole('button', { name: 'Remove folder' }).click();
  await expect.poll(() => folder.count(), PATIENTLY).toBe(0);
  await side(page).getByRole('link', { name: 'Of my thesis' }).waitFor();
  expect(complaints).toEqual([]);
});

it('archives with a way back, and shows what is archived', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'To be archived');
  await hasEnded(page);
  const row = side(page).getByRole('link', { name: 'To be archived' });
  await menu(page, 'To be archived', 'Archive');
  await expect.poll(() => row.count(), PATIENTLY).toBe(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await row.waitFor();
  await command(page, 'Archive this chat');
  await expect.poll(() => row.count(), PATIENTLY).toBe(0);
  await command(page, 'Archived chats');
  await page.getByRole('button', { name: 'Back to the list: To be archived' }).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Back to the list: To be archived' }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await row.waitFor();
});

it('a temporary chat survives a reload, is in no list, and is gone once it is left', async () => {
  const { page } = await openPage(browser, server.url);
  await page.getByRole('checkbox', { name: /Temporary chat/ }).check();
  expect(await violations(page)).toEqual([]);
  await ask(page, 'Between us');
  await hasEnded(page);
  const number = conversationOf(page);
  await page.reload();
  await answers(page).getByText('You said: Between us').waitFor();
  await page.getByText(/Temporary: deleted for good/).waitFor();
  expect(await violations(page)).toEqual([]);
  expect(await side(page).getByRole('link', { name: 'Between us' }).count()).toBe(0);
  await side(page).getByRole('link', { name: 'New chat' }).click();
  await page.getByText('The temporary chat is deleted.').waitFor();
  const path = `/users/local/conversations/${number}`;
  const { status } = await call(server.url, 'GET', path, { key: KEY });
  expect(status).toBe(404);
});

it('a temporary chat can be kept after all', async () => {
  const { page } = await openPage(browser, server.url);
  await page.getByRole('checkbox', { name: /Temporary chat/ }).check();
  await ask(page, 'Worth keeping');
  await hasEnded(page);
  await page.getByRole('button', { name: 'Keep it' }).click();
  await side(page).getByRole('link', { name: 'Worth keeping' }).waitFor();
  await side(page).getByRole('link', { name: 'New chat' }).click();
  await side(page).getByRole('link', { name: 'Worth keeping' }).click();
  await answers(page).getByText('You said: Worth keeping').waitFor();
});

it('is shared by a link that shows what was, to readers without a key, and taken back', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'For everybody');
  await hasEnded(page);
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'Make a link and copy it' }).click();
  await page.getByText('The link is copied.').waitFor();
  expect(await violations(page)).toEqual([]);
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: 'Done' }).click();
  await ask(page, 'Only for me');
  await hasEnded(page, 'done', 2);
  for (const look of LOOKS) {
    const reader = await openPage(browser, link, look);
    await reader.page.getByText('You said: For everybody').waitFor();
    expect(await reader.page.getByText('Only for me').count()).toBe(0);
    expect(await violations(reader.page)).toEqual([]);
    expect(reader.complaints).toEqual([]);
  }
  await command(page, 'Shared chats');
  await page.getByRole('button', { name: 'Take back For everybody' }).click();
  await page.getByText('Nothing is shared.').waitFor();
  const late = await openPage(browser, link);
  await late.page.getByText('Nothing is shared here.').waitFor();
});
