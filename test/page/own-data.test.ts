import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { strToU8, zipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { UserDeletion } from '../../src/ports/user-deletions.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { expectAccessible, SIZES } from './support/axe.ts';
import { answers, ask, hasEnded, openPage, PATIENTLY, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

let browser: Browser;
let server: MemoryStack;
/** While it is set a database is away, and it holds what is still to be deleted. */
let away: { deletion?: UserDeletion } | null = null;

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
  server = await startMemoryStack({
    inference: pacedInference({}),
    options: { page: PAGE, localUser: true },
    ports({ deletions }) {
      const erase = deletions.erase.bind(deletions);
      deletions.erase = async (deletion) => {
        if (!away) return await erase(deletion);
        away.deletion = deletion;
        return ['shard-2'];
      };
      return {};
    },
  });
});

afterEach(async () => {
  away = null;
  await Promise.all(browser.contexts().map((context) => context.close()));
  await call(server.url, 'DELETE', '/users/local', { key: KEY });
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const dialog = (page: Page) => page.getByRole('dialog');
const conversations = async () =>
  (await call(server.url, 'GET', '/users/local/conversations?limit=100', { key: KEY })).json.items;

async function openFromSettings(page: Page, name: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).press('Control+,');
  await dialog(page).getByRole('button', { name }).click();
}

/** As ChatGPT exports it. */
const chat = (id: string, title: string, question: string, answer: string) => ({
  conversation_id: id,
  title,
  create_time: 1_700_000_000,
  current_node: 'a',
  mapping: {
    root: { id: 'root', parent: null, message: null },
    rules: { parent: 'root', message: { author: { role: 'system' }, content: { parts: ['Be kind.'] } } },
    q: { parent: 'rules', message: { author: { role: 'user' }, content: { content_type: 'text', parts: [question] } } },
    a: {
      parent: 'q',
      message: { author: { role: 'assistant' }, recipient: 'all', content: { content_type: 'text', parts: [answer] } },
    },
  },
});
const upload = (page: Page, name: string, content: Uint8Array | string) =>
  dialog(page)
    .locator('input[type="file"]')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(content) });

it('imports what ChatGPT exported: shows what will come, brings it once, and lists it', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await openFromSettings(page, 'Import chats');
  await upload(page, 'notes.json', '{"some":"thing"}');
  await page.getByText('This is no export that is known here.').waitFor();
  await upload(page, 'half.json', '[{"mapping":');
  await page.getByText('This file is no whole JSON.').waitFor();
  await upload(page, 'photos.zip', zipSync({ 'photo.png': strToU8('x') }));
  await page.getByText('There is no conversations.json in this ZIP.').waitFor();
  const chats = [chat('c1', 'About Rome', 'Who was Nero?', 'An emperor.'), chat('c2', 'About rain', 'Why?', 'Water.')];
  const zip = zipSync({
    'export/conversations.json': strToU8(JSON.stringify(chats)),
    'export/user.json': strToU8('{}'),
  });
  await upload(page, 'export.zip', zip);
  await page.getByText('2 chats with 4 messages').waitFor();
  await page.getByText('2 instructions to the model').waitFor();
  expect(await conversations()).toEqual([]);
  await dialog(page).getByRole('button', { name: 'Import 2 chats' }).click();
  await page.getByText('2 chats came').waitFor();
  await dialog(page).getByRole('button', { name: 'Another file' }).click();
  await upload(page, 'conversations.json', JSON.stringify(chats));
  await dialog(page).getByRole('button', { name: 'Import 2 chats' }).click();
  await page.getByText('Everything was here already.').waitFor();
  expect(await conversations()).toHaveLength(2);
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await page.getByRole('link', { name: 'About Rome' }).click();
  await answers(page).getByText('An emperor.').waitFor();
  expect(complaints).toEqual([]);
});

it('an import that is stopped goes on with the same file, and doubles nothing', async () => {
  const { page } = await openPage(browser, server.url);
  const chats = Array.from({ length: 16 }, (_, at) => chat(`c${at}`, `Chat ${at}`, 'Q', 'A'));
  await page.route('**/imports', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await route.continue();
  });
  await openFromSettings(page, 'Import chats');
  for (const round of ['stopped', 'whole'] as const) {
    await upload(page, 'conversations.json', JSON.stringify(chats));
    await dialog(page).getByRole('button', { name: 'Import 16 chats' }).click();
    if (round === 'stopped') {
      await dialog(page)
        .getByText(/^[3-9] of 16$/)
        .waitFor();
      await dialog(page).getByRole('button', { name: 'Stop' }).click();
      await page.getByText(/^Stopped\./).waitFor();
      expect((await conversations()).length).toBeLessThan(16);
      await dialog(page).getByRole('button', { name: 'Another file' }).click();
    }
  }
  await page.getByText(/were here already/).waitFor();
  await expect.poll(async () => (await conversations()).length, PATIENTLY).toBe(16);
});

async function eraseAll(page: Page): Promise<void> {
  await dialog(page).getByRole('button', { name: 'Delete everything' }).click();
  await dialog(page).getByRole('textbox').fill('Delete everything ');
  await page.keyboard.press('Enter');
}

it('says what is kept, hands it out, and deletes everything against typed words and a receipt', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await ask(page, 'Keep this');
  await hasEnded(page);
  await page.getByRole('textbox', { name: 'Message' }).fill('A draft');
  await openFromSettings(page, 'Your data');
  await dialog(page).locator('.data-rows > div', { hasText: 'Messages' }).getByText(/2$/).waitFor();
  const downloading = page.waitForEvent('download');
  await dialog(page).getByRole('link', { name: 'Export everything' }).click();
  const exported = JSON.parse(await readFile(await (await downloading).path(), 'utf8'));
  expect(exported).toMatchObject({
    format: 'chatterbot',
    conversations: [{ messages: [{ content: 'Keep this' }, {}] }],
  });

  const bringBack = async (outcome: string): Promise<void> => {
    await openFromSettings(page, 'Import chats');
    await upload(page, 'chatterbot-export.json', JSON.stringify(exported));
    await dialog(page).getByRole('button', { name: 'Import 1 chat' }).click();
    await page.getByText(outcome).waitFor();
    await dialog(page).getByRole('button', { name: 'Done' }).click();
  };
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await bringBack('Everything was here already.');
  await openFromSettings(page, 'Your data');
  await dialog(page).getByRole('button', { name: 'Delete everything' }).click();
  await dialog(page).getByRole('textbox').fill('delete');
  await dialog(page).getByRole('button', { name: 'Delete for good' }).click();
  await page.getByText('What you typed is something else.').waitFor();
  expect(await conversations()).toHaveLength(1);
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await eraseAll(page);
  await page.getByRole('heading', { name: 'Everything is deleted' }).waitFor();
  expect(await conversations()).toEqual([]);
  const { json: receipt } = await call(server.url, 'GET', '/users/local/deletion', { key: KEY });
  await dialog(page).getByText(receipt.id).waitFor();
  const saving = page.waitForEvent('download');
  await dialog(page).getByRole('button', { name: 'Download', exact: true }).click();
  const saved = JSON.parse(await readFile(await (await saving).path(), 'utf8'));
  expect(saved).toEqual({ ...receipt, browser_entries: expect.any(Number) });
  expect(saved).toMatchObject({ erased: { conversations: 1, messages: 2 }, finished_at: expect.any(String) });
  expect(saved.browser_entries).toBeGreaterThan(0);
  await dialog(page).getByRole('button', { name: 'Begin anew' }).click();
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  expect(await page.getByText('Keep this').count()).toBe(0);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);

  await bringBack('1 chat came');
  expect(complaints).toEqual([]);
});

it('a receipt that is not finished says so, and completes itself', async () => {
  const { page } = await openPage(browser, server.url);
  const item = '/users/local/items/0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f';
  await call(server.url, 'PUT', item, { key: KEY, body: { kind: 'folder', name: 'Somewhere else' } });
  away = {};
  await openFromSettings(page, 'Your data');
  await eraseAll(page);
  await page.getByText(/^A database is away/).waitFor();
  const { deletion } = away;
  away = null;
  await server.ports.deletions.erase(deletion!);
  await server.ports.deletions.end(deletion!);
  await page.getByRole('heading', { name: 'Everything is deleted' }).waitFor();
  await dialog(page).getByRole('button', { name: 'Begin anew' }).click();
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  await openFromSettings(page, 'Your data');
  await dialog(page)
    .getByRole('button', { name: /^Receipt of the deletion/ })
    .click();
  await dialog(page).getByText(deletion!.id).waitFor();
});

it.each(SIZES)('has no accessibility violation and no sideways scroll at %s, light and dark', async (_, size) => {
  const { page, complaints } = await openPage(browser, server.url, size);
  const check = (screen: string) => expectAccessible(page, screen);
  await openFromSettings(page, 'Import chats');
  await upload(page, 'notes.json', '{"some":"thing"}');
  await page.getByText('This is no export that is known here.').waitFor();
  await check('import, refused');
  const long = 'A chat with a title that is longer than any phone is wide, and goes on';
  await upload(page, 'conversations.json', JSON.stringify([chat('c1', long, 'Q', 'A')]));
  await page.getByText('1 instruction to the model').waitFor();
  await check('import, what will come');
  await dialog(page).getByRole('button', { name: 'Import 1 chat' }).click();
  await page.getByText('1 chat came').waitFor();
  await check('import, what came');
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await openFromSettings(page, 'Your data');
  await dialog(page).getByText('Messages').waitFor();
  await check('your data');
  await dialog(page).getByRole('button', { name: 'Delete everything' }).click();
  await dialog(page).getByRole('button', { name: 'Delete for good' }).click();
  await page.getByText('What you typed is something else.').waitFor();
  await check('deletion, refused');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await eraseAll(page);
  await page.getByRole('heading', { name: 'Everything is deleted' }).waitFor();
  await check('the receipt of a deletion');
  expect(complaints).toEqual([]);
});
