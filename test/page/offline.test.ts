import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KEY, OTHER_KEY, startMemoryStack } from '../support/memory-stack.ts';
import { ask, hasEnded, openPage, PATIENTLY, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));
const KEEPS = { serviceWorkers: 'allow' } as const;

let browser: Browser;

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
});

const startServer = (page: string, localUser = true) =>
  startMemoryStack({ inference: pacedInference({}), options: { page, localUser } });

/** The files of the page are kept, and it is spoken for. */
const isKept = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (navigator.serviceWorker.controller) return;
    await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
  });

it('can be installed', async () => {
  await using server = await startServer(PAGE);
  const { page, context } = await openPage(browser, server.url, KEEPS);
  await isKept(page);
  const devtools = await context.newCDPSession(page);
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
  // A fresh profile is a private window.
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
  const { errors, data } = await devtools.send('Page.getAppManifest');
  expect(errors).toEqual([]);
  for (const { src } of (JSON.parse(data ?? '{}') as { icons: { src: string }[] }).icons) {
    expect((await page.request.get(server.url + src)).status(), src).toBe(200);
  }
});

it('shows a new version when it is asked to; a tab of the old one has all of its files until then', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'page-'));
  await cp(PAGE, folder, { recursive: true });
  await using server = await startServer(folder);
  const { page, context, complaints } = await openPage(browser, server.url, KEEPS);
  await isKept(page);

  // The next build: another worker, and one file has another name.
  const settings = (await readdir(join(folder, 'assets'))).find((name) => /^settings-dialog.*\.js$/.test(name))!;
  const worker = join(folder, 'service-worker.js');
  const next = (await readFile(worker, 'utf8'))
    .replace(/BUILD = "\w+"/, 'BUILD = "another"')
    .replace(`"/assets/${settings}",`, '');
  await writeFile(worker, next);
  const source = await readFile(join(folder, 'assets', settings));
  await rm(join(folder, 'assets', settings));
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await page.getByText('A new version is ready.').waitFor();

  await page.keyboard.press('Control+,');
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await page.keyboard.press('Escape');
  const other = await context.newPage();
  await other.goto(server.url);
  await other.getByRole('list', { name: 'Suggestions' }).waitFor();

  await page.getByRole('textbox', { name: 'Message' }).fill('A draft');
  const reloaded = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Reload' }).click();
  await reloaded;
  await expect.poll(() => page.evaluate(() => caches.keys()), PATIENTLY).toContain('chatterbot-files-another');
  await expect.poll(() => page.getByRole('textbox', { name: 'Message' }).inputValue(), PATIENTLY).toBe('A draft');
  // The other tab is of the old build: it may still want its files.
  await other.keyboard.press('Control+,');
  await other.getByRole('heading', { name: 'Settings' }).waitFor();
  await other.close();
  await writeFile(join(folder, 'assets', settings), source);
  await page.reload();
  await expect
    .poll(() => page.evaluate(() => caches.keys()), PATIENTLY)
    .toEqual(expect.not.arrayContaining([expect.stringMatching(/chatterbot-files-(?!another)/)]));
  expect(complaints).toEqual([]);
  await rm(folder, { recursive: true });
});

const kept = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    if (!(await caches.has('chatterbot-chats'))) return [];
    const requests = await (await caches.open('chatterbot-chats')).keys();
    return requests.map(({ url }) => new URL(url).pathname).sort();
  });

/** What is read is kept a moment later. */
const isKeptWhole = (page: Page, said: string): Promise<boolean> =>
  page.evaluate(async (text) => {
    const chat = await (await caches.open('chatterbot-chats')).match('/kept/chats/1');
    return ((await chat?.text()) ?? '').includes(text);
  }, said);

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
}

it('shows what was read when there is no server, to whoever read it only', async () => {
  const server = await startServer(PAGE, false);
  const { page, context, complaints } = await openPage(browser, server.url, KEEPS);
  await signIn(page, KEY);
  await isKept(page);
  await ask(page, 'Kept for later');
  await hasEnded(page);
  await expect.poll(() => isKeptWhole(page, 'You said: Kept for later'), PATIENTLY).toBe(true);
  const address = new URL(page.url()).pathname;
  await page.goto(server.url);
  await page.getByLabel('Temporary chat').check();
  await ask(page, 'Not to be kept');
  await hasEnded(page);
  await expect.poll(() => kept(page), PATIENTLY).toEqual(['/kept/chats/1', '/kept/session']);
  const cookies = await context.cookies();

  await server[Symbol.asyncDispose]();
  await context.setOffline(true);
  await page.goto(server.url + address);
  await page.getByText('You said: Kept for later').waitFor();
  await page.getByText('The server cannot be reached. You see the one chat').waitFor();
  await page.getByRole('textbox', { name: 'Message' }).fill('A draft');
  expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
  await page.goto(server.url);
  await page.getByRole('navigation').getByRole('link', { name: 'Kept for later' }).click();
  expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('A draft');
  await page.getByText('You said: Kept for later').waitFor();
  await context.setOffline(false);

  await using other = await startMemoryStack({
    inference: pacedInference({}),
    options: { page: PAGE, localUser: false },
    port: Number(new URL(server.url).port),
  });
  // Another life of the server: the session is not known, and nothing is left of it.
  await page.getByLabel('API key').waitFor({ timeout: 20_000 });
  await expect.poll(() => kept(page), PATIENTLY).toEqual([]);
  expect(cookies).not.toEqual([]);

  await signIn(page, OTHER_KEY);
  await page.goto(other.url);
  await ask(page, 'Of somebody else');
  await hasEnded(page);
  await expect.poll(() => kept(page), PATIENTLY).toEqual(['/kept/chats/1', '/kept/session']);
  await page.keyboard.press('Control+,');
  await page.getByRole('radio', { name: 'Do not keep' }).check();
  await expect.poll(() => kept(page), PATIENTLY).toEqual([]);
  await page.getByRole('radio', { name: 'Keep here' }).check();
  await page.keyboard.press('Escape');
  await page.reload();
  await expect.poll(() => kept(page), PATIENTLY).toEqual(['/kept/chats/1', '/kept/session']);
  await page.keyboard.press('Control+,');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  expect(await kept(page)).toEqual([]);
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('draft')))).toEqual([]);
  expect(complaints).toEqual([]);
});
