import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ConversationResource, MessageResource } from '../../src/protocol/resources.ts';
import { answers, ask, conversationOf, hasEnded, openPage, PATIENTLY, phone, startBrowser } from './support/browser.ts';
import { ensurePage, type PageServer, startPageServer } from './support/server.ts';

let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  await ensurePage();
  server = await startPageServer();
  browser = await startBrowser();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

async function conversations(): Promise<ConversationResource[]> {
  return (await server.json<{ items: ConversationResource[] }>('/users/local/conversations?limit=100')).items;
}

async function askedAndAnswered(page: Page, text: string, count = 1): Promise<void> {
  await ask(page, text);
  await hasEnded(page, 'done', count);
}

const questions = (page: Page) => page.locator('article.question .bubble').allInnerTexts();
const side = (page: Page) => page.getByRole('navigation', { name: 'Conversations' });

async function openMenu(page: Page, title: string): Promise<void> {
  await side(page).getByRole('link', { name: title }).hover();
  await side(page)
    .getByRole('button', { name: `More for ${title}` })
    .click();
}

it('answers again beside the first answer, and the arrows lead between them', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'Answer this twice');
  const first = await answers(page).last().getAttribute('data-message');
  await answers(page).last().hover();
  await page.getByRole('button', { name: 'Answer again' }).click();
  await page.getByText('2/2').waitFor();
  await hasEnded(page);
  expect(await answers(page).count()).toBe(1);
  expect(await answers(page).last().getAttribute('data-message')).not.toBe(first);
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByText('1/2').waitFor();
  expect(await answers(page).last().getAttribute('data-message')).toBe(first);
  expect(await page.getByRole('button', { name: 'Previous version' }).isDisabled()).toBe(true);
  await page.reload();
  await page.getByText('1/2').waitFor();
  await page.getByRole('button', { name: 'Next version' }).click();
  await page.getByText('2/2').waitFor();
});

it('asks in other words as a branch, and goes back to the old one with all that followed it', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'The first wording');
  await askedAndAnswered(page, 'What followed it', 2);
  await page.getByText('The first wording').last().hover();
  await page.getByRole('button', { name: 'Edit and ask again' }).first().click();
  const field = page.getByRole('textbox', { name: 'Your message, in other words' });
  expect(await field.inputValue()).toBe('The first wording');
  await field.fill('The second wording');
  await field.press('Enter');
  await page.getByText('2/2').waitFor();
  await hasEnded(page);
  expect(await questions(page)).toEqual(['The second wording']);
  await page.getByRole('button', { name: 'Previous version' }).click();
  await page.getByText('What followed it').waitFor();
  expect(await questions(page)).toEqual(['The first wording', 'What followed it']);
  // A reply on the old branch goes on from there.
  await askedAndAnswered(page, 'And on from there', 3);
  expect(await questions(page)).toEqual(['The first wording', 'What followed it', 'And on from there']);
  const { items } = await server.json<{ items: MessageResource[] }>(
    `/users/local/conversations/${conversationOf(page)}/messages`,
  );
  expect(items.filter((message) => message.role === 'user').map((message) => message.content)).toEqual([
    'And on from there',
    'What followed it',
    'The first wording',
  ]);
});

it('finds what was said, by keyboard alone', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'The heron stood in the shallow water');
  await page.goto(server.url);
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await page.keyboard.press('Control+k');
  // As fast as people type: the first letters come before the palette does.
  await page.keyboard.type('heron', { delay: 60 });
  expect(await page.getByRole('combobox').inputValue()).toBe('heron');
  await page.getByRole('option').locator('mark', { hasText: 'heron' }).first().waitFor();
  const hit = page.getByRole('group', { name: 'Said in chats' }).getByRole('option').first();
  // The chat's own title comes before the passage.
  await page.keyboard.press('ArrowDown');
  await hit.and(page.locator('[aria-selected="true"]')).waitFor();
  await page.keyboard.press('Enter');
  await page.getByText('The heron stood in the shallow water').last().waitFor();
  await page.waitForURL(/\/c\/\d+\?m=/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('nothingofthekind');
  await page.getByText('Nothing found for').waitFor();
  await page.keyboard.press('Escape');
  expect(await page.getByRole('combobox').count()).toBe(0);
});

it('renames and pins at once, and goes back where the server will not have it', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'A title to change');
  await openMenu(page, 'A title to change');
  await page.getByRole('menuitem', { name: 'Rename' }).click();
  await page.getByRole('textbox', { name: 'Rename' }).fill('Another title');
  await page.keyboard.press('Enter');
  await side(page).getByRole('link', { name: 'Another title' }).waitFor();
  await page.getByRole('heading', { level: 1, name: 'Another title' }).waitFor();

  await openMenu(page, 'Another title');
  await page.getByRole('menuitem', { name: 'Pin' }).click();
  await side(page).getByRole('heading', { name: 'Pinned' }).waitFor();
  await expect
    .poll(async () => (await conversations()).find(({ title }) => title === 'Another title')?.pinned, PATIENTLY)
    .toBe(true);

  await page.route(/\/conversations\/\d+$/, (route) =>
    route.request().method() === 'PATCH'
      ? route.fulfill({ status: 404, json: { error: { code: 'x', message: 'Gone.' } } })
      : route.continue(),
  );
  await page.keyboard.press('F2');
  await page.getByRole('textbox', { name: 'Rename' }).fill('Refused title');
  await page.keyboard.press('Enter');
  await page.getByText('“Another title” keeps its name.').waitFor();
  await side(page).getByRole('link', { name: 'Another title' }).waitFor();
});

it('deletes with a way back', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'To be deleted');
  const before = (await conversations()).length;
  await openMenu(page, 'To be deleted');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${server.url}/`);
  await side(page).getByRole('link', { name: 'To be deleted' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await side(page).getByRole('link', { name: 'To be deleted' }).waitFor();
  await hasEnded(page);
  expect(await conversations()).toHaveLength(before);

  // Leaving the page is no way back.
  await page.keyboard.press('Control+Shift+Backspace');
  await page.getByRole('button', { name: 'Undo' }).waitFor();
  await page.goto(server.url);
  await expect.poll(async () => (await conversations()).length, PATIENTLY).toBe(before - 1);
});

it('attaches texts, refuses what is none, and recalls what was said', async () => {
  const { page } = await openPage(browser, server.url);
  const files = page.getByLabel('Texts to attach');
  await files.setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from([0x89, 0x50, 0xff]) });
  await page.getByRole('alert').getByText('a.png is not a text.').waitFor();
  await files.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('What the file says') });
  await page.getByRole('list', { name: 'Attached' }).getByText('notes.txt').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.focus();
  await page.evaluate((text) => navigator.clipboard.writeText(text), 'pasted '.repeat(500));
  await page.keyboard.press('Control+v');
  await page.getByRole('list', { name: 'Attached' }).getByText('Pasted text').waitFor();
  await page.getByRole('button', { name: 'Remove Pasted text' }).click();
  await askedAndAnswered(page, 'Read this');
  const { items } = await server.json<{ items: MessageResource[] }>(
    `/users/local/conversations/${conversationOf(page)}/messages`,
  );
  expect(items.at(-1)?.content).toBe('Read this\n\nAttached: notes.txt\n```\nWhat the file says\n```');
  await page.locator('.attached summary').click();
  await page.locator('.attached pre').getByText('What the file says').waitFor();
  await field.press('ArrowUp');
  expect(await field.inputValue()).toBe('Read this');
  await page.getByRole('list', { name: 'Attached' }).getByText('notes.txt').waitFor();
});

it('sends with the key that is set', async () => {
  const { page } = await openPage(browser, server.url);
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.waitFor();
  await page.keyboard.press('Control+,');
  await page.getByRole('radio', { name: 'Ctrl Enter' }).check({ force: true });
  await page.getByRole('button', { name: 'Done' }).click();
  await field.fill('One line');
  await field.press('Enter');
  expect(await field.inputValue()).toBe('One line\n');
  await field.press('Control+Enter');
  await hasEnded(page);
  await page.goto(server.url);
  expect(await field.inputValue()).toBe('');
});

it('keeps ratings and drafts', async () => {
  const { page } = await openPage(browser, server.url);
  await askedAndAnswered(page, 'Rate this');
  await page.getByRole('button', { name: 'Good answer' }).click();
  await page.getByRole('textbox', { name: 'Message' }).fill('half a thou');
  await page.reload();
  await page.getByRole('button', { name: 'Good answer', pressed: true }).waitFor();
  expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('half a thou');
});

it('has its conversations in a drawer on a phone', async () => {
  const { page } = await openPage(browser, server.url, phone);
  await askedAndAnswered(page, 'Asked on a phone');
  expect(await side(page).count()).toBe(0);
  await page.getByRole('button', { name: 'Conversations' }).click();
  await side(page).getByRole('link', { name: 'New chat' }).click();
  await page
    .getByRole('heading', { name: 'What would you like to know?' })
    .or(page.getByText('on your mind'))
    .first()
    .waitFor();
  expect(await side(page).count()).toBe(0);
  await page.getByRole('button', { name: 'Conversations' }).click();
  await side(page).getByRole('link', { name: 'Asked on a phone' }).click();
  await hasEnded(page);
});

it('says so when a conversation is not there', async () => {
  const { page } = await openPage(browser, `${server.url}/c/999999`);
  await page.getByText('This conversation is not here.').waitFor();
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.waitForURL(`${server.url}/`);
});
