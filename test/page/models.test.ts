import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeUpstream } from '../support/fake-upstream.ts';
import { startModelHub } from '../support/model-hub.ts';
import { answers, ask, hasEnded, openPage, PATIENTLY, startBrowser } from './support/browser.ts';
import { ensurePage, type PageServer, startPageServer } from './support/server.ts';

const KEY = 'sk-of-the-upstream';

let hub: Awaited<ReturnType<typeof startModelHub>>;
let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  await ensurePage();
  hub = await startModelHub();
  server = await startPageServer({ MODEL_HUB: hub.url });
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
});

it('adds a server, tried at once, and fetches a model, from the page; both answer', async () => {
  await using upstream = await startFakeUpstream({ length: 12, apiKey: KEY });
  const { page, complaints } = await openPage(browser, server.url);
  await page.getByText('Everything stays on this machine.').waitFor();
  const menu = page.getByRole('button', { name: /^Model: / });
  await menu.click();
  await page.getByRole('menuitem', { name: 'Add models' }).click();
  const dialog = page.getByRole('dialog', { name: 'Models' });

  await dialog.getByLabel('Address').fill('127.0.0.1:9');
  await dialog.getByRole('button', { name: 'Try' }).click();
  await dialog.getByRole('alert').getByText('(nothing listens there)').waitFor();
  await dialog.getByLabel('Address').fill(upstream.url);
  expect(await dialog.getByRole('alert').count()).toBe(0);
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').getByText('does not accept the key').waitFor();
  await dialog.getByLabel('Key').fill(KEY);
  await page.keyboard.press('Enter');
  await dialog.getByText(/It answers after .+ and has 1 model\./).waitFor();
  expect(await dialog.getByRole('checkbox', { name: 'fake' }).isChecked()).toBe(true);
  await dialog.getByRole('button', { name: 'Add 1 model' }).click();
  await dialog.getByRole('region', { name: 'Servers' }).getByText(new URL(upstream.url).host).waitFor();
  expect(await dialog.getByLabel('Key').inputValue()).toBe('');

  hub.options.paceMs = 100;
  await dialog.getByRole('button', { name: 'Download Qwen2.5 1.5B Instruct' }).click();
  const progress = dialog.getByRole('progressbar', { name: 'Download of Qwen2.5 1.5B Instruct' });
  await expect.poll(() => progress.getAttribute('value'), PATIENTLY).not.toBeNull();
  await dialog.getByRole('button', { name: 'Stop the download' }).click();
  await dialog.getByRole('button', { name: 'Go on with Qwen2.5 1.5B Instruct' }).click();
  // It is fetched and told of, whether or not somebody looks.
  await dialog.getByRole('button', { name: 'Done' }).click();
  hub.options.paceMs = 0;
  await page.getByText('Qwen2.5 1.5B Instruct can be chosen now.').waitFor();

  for (const model of ['fake', 'Qwen2.5 1.5B Instruct']) {
    await page.goto(server.url);
    await menu.click();
    await page.getByRole('menuitem', { name: model, exact: true }).click();
    await ask(page, `Asked of ${model}`);
    await hasEnded(page);
    await answers(page)
      .last()
      .getByRole('button', { name: /Receipt/ })
      .click();
    await page
      .locator('.receipt-panel')
      .getByText(model === 'fake' ? 'fake' : 'qwen2.5-1.5b')
      .first()
      .waitFor();
  }

  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('Models: servers');
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Remove Qwen2.5 1.5B Instruct' }).click();
  await dialog.getByRole('button', { name: 'Remove Qwen2.5 1.5B Instruct for good?' }).click();
  await dialog.getByRole('button', { name: 'Download Qwen2.5 1.5B Instruct' }).waitFor();
  expect(complaints).toEqual([]);
});
