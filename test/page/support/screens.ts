import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { createClient } from '../../../client/create-client.ts';
import type { Operator } from '../../../src/http/http.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../../support/memory-stack.ts';
import { ask, hasEnded } from './browser.ts';
import { fillChat } from './fill-chat.ts';
import { pacedInference } from './paced-inference.ts';
import { EVERYTHING, LONG_TEXT } from './sample-text.ts';

const PAGE = fileURLToPath(new URL('../../../dist/page', import.meta.url));

export type World = MemoryStack & {
  /** Numbers of chats. */
  chats: { everything: number; folded: number; archived: number };
  shared: string;
};

/** Something of all that there is to see: chats, a folder, an archive, a share, assistants, prompts, models. */
export async function startWorld(): Promise<World> {
  const scripts = {
    everything: { text: EVERYTHING, reasoning: 'They want **everything**.' },
    slowly: { text: LONG_TEXT, tokenMs: 20 },
    compare: { text: `Says this. ${LONG_TEXT}` },
    'not yet answered': { text: 'x', readMs: 20_000 },
    fail: 'fail' as const,
  };
  const stack = await startMemoryStack({
    inference: pacedInference(scripts, ['Other 2B']),
    options: { page: PAGE, localUser: true },
    deps: { operator: OPERATOR },
  });
  const user = createClient({ baseUrl: stack.url, apiKey: KEY }).user('local');
  const folder = randomUUID();
  const settings = { system_prompt: 'Be brief.', temperature: 0.2 };
  await user.putItem(folder, { kind: 'folder', name: 'Thesis' });
  await user.putItem(randomUUID(), { kind: 'assistant', name: 'Tutor', greeting: 'What shall we learn?', settings });
  await user.putItem(randomUUID(), { kind: 'prompt', name: 'Summary', text: 'Sum up {{text}} in {{count}} lines.' });
  const folded = await fillChat(stack.url, ['Of my thesis']);
  await user.change(folded, { folder });
  const archived = await fillChat(stack.url, ['Long ago']);
  await user.change(archived, { archived: true });
  const everything = await fillChat(stack.url, ['everything']);
  const { id } = await user.share(everything);
  return { ...stack, chats: { everything, folded, archived }, shared: `${stack.url}/s/${id}` };
}

export type Screen = { name: string; open(page: Page, world: World): Promise<void> };

const home = async (page: Page, { url }: World): Promise<void> => {
  await page.goto(url);
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
};

const chat = async (page: Page, { url, chats }: World): Promise<void> => {
  await page.goto(`${url}/c/${chats.everything}`);
  await hasEnded(page);
};

const asked = (text: string, then: (page: Page) => Promise<void>): Screen['open'] =>
  async function open(page, world) {
    await home(page, world);
    await ask(page, text);
    await then(page);
  };

/** By the palette, as it has everything. */
const command =
  (words: string, dialog: string, from: Screen['open'] = chat): Screen['open'] =>
  async (page, world) => {
    await from(page, world);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Search chats and commands' }).fill(words);
    await page.getByRole('option', { name: words }).first().click();
    await page.getByRole('dialog', { name: dialog }).waitFor();
  };

const within =
  (open: Screen['open'], button: string, dialog: string): Screen['open'] =>
  async (page, world) => {
    await open(page, world);
    await page.getByRole('dialog').getByRole('button', { name: button }).first().click();
    await page.getByRole('dialog', { name: dialog, exact: true }).waitFor();
  };

async function openDrawer(page: Page): Promise<void> {
  const drawer = page.getByRole('button', { name: 'Conversations' });
  if (await drawer.isVisible()) await drawer.click();
  await page.getByRole('navigation', { name: 'Conversations' }).getByRole('link', { name: 'New chat' }).waitFor();
}

/** All that there is to see. What is new in the page gets its line here; every look of `screens.test.ts` has it then. */
export const SCREENS: readonly Screen[] = [
  { name: 'new chat', open: home },
  {
    name: 'new temporary chat',
    async open(page, world) {
      await home(page, world);
      await page.getByRole('checkbox', { name: /Temporary chat/ }).check();
    },
  },
  {
    name: 'answer',
    async open(page, { url, chats }) {
      await page.goto(`${url}/c/${chats.folded}`);
      await hasEnded(page);
      await page.getByRole('button', { name: /Receipt/ }).click();
      await page.getByText('Waited in line').waitFor();
    },
  },
  {
    name: 'answer with its reasoning and receipt',
    async open(page, world) {
      await chat(page, world);
      await page.getByText('What the model thought first').click();
      await page.getByRole('button', { name: /Receipt/ }).click();
      await page.getByText('Waited in line').waitFor();
    },
  },
  {
    name: 'menu of an answer',
    async open(page, world) {
      await chat(page, world);
      await page.getByRole('button', { name: 'More for this answer' }).click();
    },
  },
  {
    name: 'question in other words',
    async open(page, world) {
      await chat(page, world);
      await page.getByRole('button', { name: 'Edit and ask again' }).click();
      await page.getByRole('textbox', { name: 'Your message, in other words' }).waitFor();
    },
  },
  {
    name: 'being written',
    open: asked('slowly', (page) => page.locator('article.answer .markdown').waitFor()),
  },
  { name: 'waiting', open: asked('not yet answered', (page) => page.locator('article.answer').waitFor()) },
  {
    name: 'stopped',
    open: asked('slowly', async (page) => {
      await page.locator('article.answer .markdown').waitFor();
      await page.getByRole('button', { name: 'Stop', exact: true }).click();
      await hasEnded(page, 'cancelled');
    }),
  },
  { name: 'failed', open: asked('fail', (page) => hasEnded(page, 'failed')) },
  {
    name: 'side by side',
    async open(page, world) {
      await home(page, world);
      await page.getByRole('button', { name: /^Model: / }).click();
      await page.getByRole('menuitem', { name: 'Beside it, Other 2B' }).click();
      await ask(page, 'compare');
      await hasEnded(page, 'done', 2);
    },
  },
  {
    name: 'menu of models',
    async open(page, world) {
      await home(page, world);
      await page.getByRole('button', { name: /^Model: / }).click();
    },
  },
  {
    name: 'no such conversation',
    async open(page, { url }) {
      await page.goto(`${url}/c/999999`);
      await page.getByText('This conversation is not here.').waitFor();
    },
  },
  {
    name: 'sidebar',
    async open(page, world) {
      await chat(page, world);
      await openDrawer(page);
      await page.getByRole('button', { name: 'Thesis', exact: true }).waitFor();
    },
  },
  {
    name: 'menu of a chat in the sidebar',
    async open(page, world) {
      await chat(page, world);
      await openDrawer(page);
      const side = page.getByRole('navigation', { name: 'Conversations' });
      await side
        .getByRole('button', { name: /^More for/ })
        .first()
        .click();
    },
  },
  {
    name: 'palette',
    async open(page, world) {
      await chat(page, world);
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox').fill('everything');
      await page.getByRole('group', { name: 'Said in chats' }).waitFor();
    },
  },
  {
    name: 'shortcuts',
    async open(page, world) {
      await chat(page, world);
      await page.getByRole('log').focus();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    },
  },
  { name: 'settings', open: command('Settings', 'Settings') },
  { name: 'instructions and style', open: command('Instructions and style', 'Instructions and style') },
  { name: 'assistants', open: command('Assistants', 'Assistants') },
  { name: 'assistant', open: within(command('Assistants', 'Assistants'), 'Change Tutor', 'Assistant') },
  { name: 'prompts', open: command('Prompts', 'Prompts') },
  { name: 'prompt', open: within(command('Prompts', 'Prompts'), 'Summary', 'Prompt') },
  {
    name: 'choice of prompts',
    async open(page, world) {
      await home(page, world);
      await page.getByRole('textbox', { name: 'Message' }).press('/');
      await page.getByText('Summary').waitFor();
    },
  },
  { name: 'models', open: command('Models: servers and downloads', 'Models') },
  { name: 'import', open: command('Import chats', 'Import chats') },
  { name: 'stored data', open: command('Your data', 'Your data') },
  { name: 'archive', open: command('Archived chats', 'Archived chats') },
  { name: 'shared chats', open: command('Shared chats', 'Shared chats') },
  { name: 'sharing', open: command('Share this chat', 'Share') },
  { name: 'renaming', open: command('Rename this chat', 'Rename') },
  { name: 'moving', open: command('Move this chat to a folder', 'Move to a folder') },
  {
    name: 'folder',
    async open(page, world) {
      await chat(page, world);
      await openDrawer(page);
      await page.getByRole('button', { name: 'Change folder Thesis' }).click();
      await page.getByRole('dialog', { name: 'Folder' }).waitFor();
    },
  },
  {
    name: 'deleted, with a way back',
    open: asked('To be deleted', async (page) => {
      await hasEnded(page);
      await page.keyboard.press('Control+Shift+Backspace');
      await page.getByRole('button', { name: 'Undo' }).click({ trial: true });
    }),
  },
  {
    name: 'shared page',
    async open(page, { shared }) {
      await page.goto(shared);
      await page.getByRole('heading', { level: 1 }).waitFor();
    },
  },
];

const OPERATOR: Operator = {
  keys: new Set(),
  endpoints: {
    list: async () => [
      {
        id: randomUUID(),
        address: 'http://192.168.1.20:11434',
        hasKey: true,
        models: ['llama3.2:3b', 'qwen3:14b', 'a-model-with-a-very-long-name-that-must-break-somewhere-on-a-phone'].map(
          (id) => ({ id, servedAs: id }),
        ),
        addedAt: 0,
        isUp: false,
        detail: 'the inference server cannot be reached',
      },
    ],
    try: async () => ({ address: 'http://localhost:11434', models: ['llama3.2:3b'], ms: 12 }),
    add: () => Promise.reject(new Error('nothing is added here')),
    remove: async () => true,
  },
  localModels: {
    list: async () => ({
      machine: { memoryBytes: 8e9, freeDiskBytes: 80e9 },
      models: (['in-use', 'ready', 'downloading', 'partial', 'absent'] as const).map((state) => ({
        name: state,
        title: `Model that is ${state}`,
        description: 'A clear step up in sense and knowledge, still usable without a graphics card.',
        licence: 'Apache-2.0',
        fileBytes: 1.1e9,
        memoryBytes: state === 'absent' ? 12e9 : 1.5e9,
        state,
        received: state === 'downloading' || state === 'partial' ? { bytes: 4e8, totalBytes: 1.1e9 } : null,
        failure: state === 'partial' ? ('download_broke_off' as const) : null,
      })),
    }),
    download: async () => {},
    cancel: async () => {},
    remove: async () => {},
  },
};
