import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { answers, ask, beginsToWrite, hasEnded, openPage, phone, startBrowser } from '../test/page/support/browser.ts';
import { ensurePage, startPageServer } from '../test/page/support/server.ts';
import { arrange, SETTINGS_SCREENS } from './settings-screens.ts';

/**
 * Takes the pictures of the README from the real page and a real model: `npm run docs:screens`. Runs the
 * server of the tests in a temporary folder.
 */
const SCREENS = fileURLToPath(new URL('../docs/screens/', import.meta.url));
const FIRST = 'What is the capital of France?';
const SECOND = 'Write a Python function that adds two numbers.';
const LAST = 'Give me three tips for a good night’s sleep.';
const ELSEWHERE = 'Explain how a rainbow forms, in three sentences.';

const { stdout } = await promisify(execFile)(process.execPath, [
  fileURLToPath(new URL('ensure-real-model.ts', import.meta.url)),
]);
await ensurePage();
await mkdir(SCREENS, { recursive: true });
await using server = await startPageServer({ MODEL: stdout.trim() });
await using browser = await startBrowser();

async function picture(name: string, options: BrowserContextOptions, prepare: (page: Page) => Promise<void>) {
  const { page, context } = await openPage(browser, server.url, options);
  await prepare(page);
  await page.screenshot({ path: join(SCREENS, `${name}.png`), animations: 'disabled' });
  process.stdout.write(`docs/screens/${name}.png\n`);
  await context.close();
}

const isEmpty = (page: Page): Promise<void> => page.getByRole('list', { name: 'Suggestions' }).waitFor();
const openNewest = (page: Page): Promise<void> =>
  page.getByRole('navigation', { name: 'Conversations' }).getByRole('link').nth(1).click();

/** The newest answer after so many letters, or at its end if that comes first. */
async function hasWritten(page: Page, letters: number): Promise<void> {
  const answer = answers(page).last();
  while ((await answer.innerText()).length < letters && (await answer.getAttribute('data-state')) !== 'done') {
    await page.waitForTimeout(50);
  }
}

await picture('empty-light', {}, isEmpty);
await picture('chat-light', {}, async (page) => {
  await ask(page, ELSEWHERE);
  await hasEnded(page);
  await page.goto(server.url);
  await ask(page, FIRST);
  await hasEnded(page);
  await ask(page, SECOND);
  await hasEnded(page, 'done', 2);
  await ask(page, LAST);
  await answers(page).nth(2).waitFor();
  await beginsToWrite(page);
  await hasWritten(page, 420);
});
await picture('chat-dark', { colorScheme: 'dark' }, async (page) => {
  await openNewest(page);
  await hasEnded(page, 'done', 3);
  await page
    .getByRole('button', { name: /Receipt/ })
    .last()
    .click();
});
await picture('phone', phone, async (page) => {
  await page.getByRole('button', { name: 'Conversations' }).click();
  await openNewest(page);
  await hasEnded(page, 'done', 3);
});

for (const [name, reach] of SETTINGS_SCREENS) {
  for (const [look, options] of [
    ['light', {}],
    ['phone-dark', { ...phone, colorScheme: 'dark' }],
  ] as const) {
    await picture(`${name}-${look}`, options, async (page) => {
      await arrange(page);
      await reach(page);
    });
  }
}
