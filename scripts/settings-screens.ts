import type { Page } from 'playwright-core';

const ASSISTANT = {
  kind: 'assistant',
  name: 'Latin tutor',
  greeting: 'Salve! Which passage shall we read?',
  settings: { system_prompt: 'You teach Latin, patiently, one form at a time.', temperature: 0.2, top_p: 0.9 },
};
const ITEMS = [
  ASSISTANT,
  { ...ASSISTANT, name: 'Editor', greeting: '', settings: { system_prompt: 'Shorten what you are given.' } },
  { kind: 'prompt', name: 'Summary', text: 'Summarise this for {{who}}, in {{how many}} sentences: {{text}}' },
  { kind: 'prompt', name: 'Proofread', text: 'Correct spelling and grammar, and change nothing else.' },
];

/** What a person might have arranged, under the same ids each time. */
export async function arrange(page: Page): Promise<void> {
  await page.evaluate(async (items) => {
    for (const [index, item] of items.entries()) {
      const headers = { 'content-type': 'application/json' };
      const path = `/users/local/items/00000000-0000-4000-8000-00000000000${index}`;
      await fetch(path, { method: 'PUT', headers, body: JSON.stringify(item) });
    }
  }, ITEMS);
  await page.reload();
}

const EXPORTED = JSON.stringify(
  ['Rainy day ideas', 'Why the sky is blue', 'Pasta without tomatoes'].map((title, index) => ({
    conversation_id: `c${index}`,
    title,
    create_time: 1_700_000_000,
    current_node: 'a',
    mapping: {
      rules: { parent: null, message: { author: { role: 'system' }, content: { parts: ['Be brief.'] } } },
      q: { parent: 'rules', message: { author: { role: 'user' }, content: { content_type: 'text', parts: [title] } } },
      a: {
        parent: 'q',
        message: { author: { role: 'assistant' }, content: { content_type: 'text', parts: ['Of course.'] } },
      },
    },
  })),
);

const dialog = (page: Page) => page.getByRole('dialog');
const message = (page: Page) => page.getByRole('textbox', { name: 'Message' });

async function openFromSettings(page: Page, name: string): Promise<void> {
  await message(page).press('Control+,');
  await dialog(page).getByRole('button', { name }).click();
}

/** How to get to each screen from an empty chat. */
export const SETTINGS_SCREENS: readonly [string, (page: Page) => Promise<void>][] = [
  [
    'assistant',
    async (page) => {
      await page.getByRole('list', { name: 'Assistants' }).getByRole('button', { name: ASSISTANT.name }).click();
      await page.getByRole('heading', { name: ASSISTANT.greeting }).waitFor();
    },
  ],
  [
    'style',
    async (page) => {
      await page.getByRole('list', { name: 'Assistants' }).getByRole('button', { name: ASSISTANT.name }).click();
      await page.getByRole('button', { name: 'Instructions and style' }).click();
      await dialog(page).getByRole('radio', { name: 'Precise' }).waitFor();
    },
  ],
  [
    'prompts',
    async (page) => {
      await message(page).press('/');
      await page.getByRole('option').first().waitFor();
    },
  ],
  [
    'import',
    async (page) => {
      await openFromSettings(page, 'Import chats');
      const file = { name: 'conversations.json', mimeType: 'application/json', buffer: Buffer.from(EXPORTED) };
      await dialog(page).locator('input[type="file"]').setInputFiles(file);
      await dialog(page).getByText('Left out').waitFor();
    },
  ],
  [
    'data',
    async (page) => {
      await openFromSettings(page, 'Your data');
      await dialog(page).getByText('Messages').waitFor();
    },
  ],
];
