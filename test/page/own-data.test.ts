import { fileURLToPath } from 'node:url';
import { strToU8, zipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { LOOKS, sideways, violations } from './support/axe.ts';
import { answers, openPage, PATIENTLY, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

let browser: Browser;
let server: MemoryStack;

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
  server = await startMemoryStack({ inference: pacedInference({}), options: { page: PAGE, localUser: true } });
});

afterEach(async () => {
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
  const chats = Array.from({ length: 30 }, (_, at) => chat(`c${at}`, `Chat ${at}`, 'Q', 'A'));
  await page.route('**/imports', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await route.continue();
  });
  await openFromSettings(page, 'Import chats');
  for (const round of ['stopped', 'whole'] as const) {
    await upload(page, 'conversations.json', JSON.stringify(chats));
    await dialog(page).getByRole('button', { name: 'Import 30 chats' }).click();
    if (round === 'stopped') {
      await dialog(page)
        .getByText(/^[3-9] of 30$/)
        .waitFor();
      await dialog(page).getByRole('button', { name: 'Stop' }).click();
      await page.getByText(/^Stopped\./).waitFor();
      expect((await conversations()).length).toBeLessThan(30);
      await dialog(page).getByRole('button', { name: 'Another file' }).click();
    }
  }
  await page.getByText(/were here already/).waitFor();
  await expect.poll(async () => (await conversations()).length, PATIENTLY).toBe(30);
});

it.each(LOOKS)('has no accessibility violation and no sideways scroll, %s', async (_, look) => {
  const { page, complaints } = await openPage(browser, server.url, look);
  const check = async (screen: string): Promise<void> => {
    expect(await violations(page), screen).toEqual([]);
    expect(await sideways(page), screen).toBe(false);
  };
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
  expect(complaints).toEqual([]);
});
