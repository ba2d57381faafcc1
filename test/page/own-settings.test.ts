import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { InferenceRequest } from '../../src/ports/inference.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { expectAccessible, SIZES } from './support/axe.ts';
import { ask, conversationOf, hasEnded, openPage, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

let browser: Browser;
let server: MemoryStack;
const read: InferenceRequest[] = [];

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
  const inference = pacedInference({});
  server = await startMemoryStack({
    inference: {
      ...inference,
      generate(request, ...rest) {
        read.push(request);
        return inference.generate(request, ...rest);
      },
    },
    runner: { titles: false },
    options: { page: PAGE, localUser: true },
  });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  await call(server.url, 'DELETE', '/users/local', { key: KEY });
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const put = (path: string, body: unknown) => call(server.url, 'PUT', `/users/local/items/${path}`, { key: KEY, body });
const TUTOR_ID = '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f';
const TUTOR = {
  kind: 'assistant',
  name: 'Latin tutor',
  greeting: 'Salve! Which passage shall we read?',
  settings: { system_prompt: 'You teach Latin.', temperature: 0.2, top_p: 0.9 },
};
const PROMPT_ID = '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e2a';
const PROMPT = { kind: 'prompt', name: 'Summary', text: 'Summarise {{text}}' };
const dialog = (page: Page) => page.getByRole('dialog');
const instructions = (page: Page) => dialog(page).getByRole('textbox', { name: /^Instructions/ });
const save = (page: Page) => dialog(page).getByRole('button', { name: 'Save', exact: true }).click();

it('new chats begin with what was set, a chat can have its own, and each says where it comes from', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  const changes: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'PUT' || request.method() === 'PATCH') changes.push(request.method());
  });
  await page.getByRole('textbox', { name: 'Message' }).press('Control+,');
  await page.getByRole('button', { name: 'New chats' }).click();
  await instructions(page).fill('Answer in verse.');
  await page.getByRole('radio', { name: 'Precise' }).check();
  const longest = page.getByLabel(/^Longest answer/);
  await longest.fill('9000');
  await dialog(page).getByText('A whole number from 1 to 4,096.').waitFor();
  await save(page);
  expect(await longest.evaluate((field) => field === document.activeElement)).toBe(true);
  expect(changes).toEqual([]);
  await longest.fill('200');
  await save(page);
  await expect.poll(() => dialog(page).count()).toBe(0);
  expect(changes).toEqual(['PUT']);

  await ask(page, 'Rain');
  await hasEnded(page);
  expect(read.at(-1)).toMatchObject({
    temperature: 0.2,
    topP: 0.9,
    maxTokens: 200,
    messages: [{ role: 'system', content: 'Answer in verse.' }, {}],
  });
  await page.getByRole('button', { name: 'Instructions and style' }).click();
  expect(await dialog(page).getByText('your default').count()).toBe(3);
  await page.getByRole('radio', { name: 'Exact values' }).check();
  await page.getByLabel('Temperature').fill('1.5');
  await instructions(page).fill('');
  await dialog(page).getByText('only this chat').waitFor();
  await save(page);
  await ask(page, 'Snow');
  await hasEnded(page, 'done', 2);
  expect(read.at(-1)).toMatchObject({ temperature: 1.5, topP: 0.9, messages: [{ role: 'user' }, {}, {}] });
  expect(complaints).toEqual([]);
});

it('an assistant is made from a chat, greets in an empty one, takes over a running one, and comes back when deleted', async () => {
  const { page } = await openPage(browser, server.url);
  await page.getByRole('button', { name: 'Instructions and style' }).click();
  await instructions(page).fill('You teach Latin.');
  await page.getByRole('button', { name: 'Save as an assistant' }).click();
  await save(page);
  await dialog(page).getByText('An assistant needs a name.').waitFor();
  await page.getByLabel('Name').fill('Latin tutor');
  await page.getByLabel('Greeting').fill('Salve!');
  await save(page);
  await dialog(page)
    .getByRole('button', { name: /^Latin tutor/ })
    .click();
  await page.getByRole('heading', { name: 'Salve!' }).waitFor();
  await page.reload();
  const row = page.getByRole('list', { name: 'Assistants' });
  await row.getByRole('button', { name: 'Latin tutor' }).press('Enter');
  await page.getByRole('heading', { name: 'Salve!' }).waitFor();
  await ask(page, 'Amo');
  await hasEnded(page);
  expect(read.at(-1)?.messages[0]).toEqual({ role: 'system', content: 'You teach Latin.' });

  await page.getByRole('link', { name: 'New chat' }).click();
  await ask(page, 'Plain');
  await hasEnded(page);
  expect(read.at(-1)?.messages).toHaveLength(1);
  const settings = async () => {
    const path = `/users/local/conversations/${conversationOf(page)}`;
    return (await call(server.url, 'GET', path, { key: KEY })).json.settings;
  };
  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByRole('menuitem', { name: 'Latin tutor' }).click();
  await page.getByText('“Latin tutor” answers from now on.').waitFor();
  await expect.poll(settings).toMatchObject({ assistant: 'Latin tutor', system_prompt: 'You teach Latin.' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(settings).toEqual({});

  await page.getByRole('button', { name: 'Assistants', exact: true }).click();
  await page.getByRole('button', { name: 'Delete Latin tutor' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: 'Assistants', exact: true }).click();
  await page.getByRole('button', { name: 'Change Latin tutor' }).click();
  expect(await page.getByLabel('Greeting').inputValue()).toBe('Salve!');
});

it('a slash finds saved prompts by keyboard alone, asks for what they leave open, and loses nothing that was typed', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.fill('Summarise {{text}} for {{who}}');
  await page.getByRole('button', { name: 'Prompts' }).click();
  await page.getByRole('menuitem', { name: 'Save this text as a prompt' }).click();
  await page.getByLabel('Name').fill('Summary');
  await save(page);
  await page.getByText('Kept as “Summary”.').waitFor();
  await put(TUTOR_ID, { kind: 'prompt', name: 'Translate', text: 'Into Latin, please.' });
  await page.reload();
  await field.fill('');

  await field.pressSequentially('/etc/hosts has it');
  await expect.poll(() => field.inputValue()).toBe('/etc/hosts has it');
  expect(await page.getByRole('combobox', { name: 'Find a prompt' }).count()).toBe(0);
  await field.fill('');
  await field.pressSequentially('/la');
  const finder = page.getByRole('combobox', { name: 'Find a prompt' });
  await expect.poll(() => finder.inputValue()).toBe('la');
  const chosen = page.getByRole('option', { selected: true });
  await chosen.getByText('Translate').waitFor();
  expect(await finder.getAttribute('aria-activedescendant')).toBe(await chosen.getAttribute('id'));
  await page.keyboard.press('Escape');
  expect(await field.inputValue()).toBe('/la');
  await field.fill('');
  await field.press('/');
  await finder.press('ArrowDown');
  await chosen.getByText('Translate').waitFor();
  await page.keyboard.press('Enter');
  await expect.poll(() => field.inputValue()).toBe('Into Latin, please.');
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);

  for (const [before, text] of [
    ['', 'the letter'],
    ['the letter', 'the book'],
  ] as const) {
    await field.fill('');
    await field.pressSequentially('/sum');
    await finder.press('Enter');
    const first = dialog(page).getByLabel('text');
    expect(await first.inputValue()).toBe(before);
    await first.fill(text);
    await page.keyboard.press('Tab');
    if (before === '') await page.keyboard.type('a child');
    await page.keyboard.press('Enter');
    await expect.poll(() => field.inputValue()).toBe(`Summarise ${text} for a child`);
  }

  await page.getByRole('button', { name: 'Prompts' }).click();
  await page.getByRole('menuitem', { name: 'Manage prompts' }).click();
  await page.getByRole('button', { name: 'Delete Translate' }).click();
  await page.getByRole('button', { name: 'Undo' }).click();
  await field.fill('');
  await field.press('/');
  await page.getByRole('option', { name: 'Translate' }).waitFor();
  expect(complaints).toEqual([]);
});

it('a slash that is typed before the saved prompts are here opens them once they come', async () => {
  await put(PROMPT_ID, PROMPT);
  const { page } = await openPage(browser, server.url);
  const here = Promise.withResolvers<void>();
  await page.route('**/users/local/items', async (route) => {
    await here.promise;
    await route.continue();
  });
  await page.reload();
  await page.getByRole('textbox', { name: 'Message' }).press('/');
  here.resolve();
  await page.getByRole('option', { name: 'Summary' }).waitFor();
});

it.each(SIZES)('has no accessibility violation and no sideways scroll at %s, light and dark', async (_, size) => {
  await put(TUTOR_ID, TUTOR);
  await put(PROMPT_ID, PROMPT);
  const { page, complaints } = await openPage(browser, server.url, size);
  const check = (screen: string) => expectAccessible(page, screen);
  await page.getByRole('list', { name: 'Assistants' }).getByRole('button').click();
  await page.getByRole('heading', { name: TUTOR.greeting }).waitFor();
  await check('an assistant’s empty chat');
  await page.getByRole('button', { name: 'Instructions and style' }).click();
  await page.getByRole('radio', { name: 'Exact values' }).check();
  await page.getByLabel('Temperature').fill('3');
  await check('instructions and style, refused');
  await page.getByLabel('Temperature').fill('1');
  await page.getByRole('button', { name: 'Save as an assistant' }).click();
  await page.getByRole('heading', { name: 'New assistant' }).waitFor();
  await check('an assistant');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('heading', { name: 'Assistants' }).waitFor();
  await check('assistants');
  await page.keyboard.press('Escape');
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.press('/');
  await page.getByRole('option', { name: PROMPT.name }).waitFor();
  await check('prompts over the field');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: PROMPT.name }).waitFor();
  await check('what a prompt asks for');
  await page.keyboard.press('Escape');
  await field.fill('');
  await page.getByRole('button', { name: 'Prompts' }).click();
  await page.getByRole('menuitem', { name: 'Manage prompts' }).click();
  await page.getByRole('button', { name: 'New prompt' }).click();
  await save(page);
  await check('a prompt, refused');
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: /^Summary/ }).waitFor();
  await check('prompts');
  await page.keyboard.press('Escape');
  expect(complaints).toEqual([]);
});
