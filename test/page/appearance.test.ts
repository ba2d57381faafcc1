import { fileURLToPath } from 'node:url';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { violations } from './support/axe.ts';
import { answers, ask, beginsToWrite, hasEnded, openPage, PATIENTLY, phone, startBrowser } from './support/browser.ts';
import { IS_PHONE } from './support/matrix.ts';
import { pacedInference } from './support/paced-inference.ts';
import { EVERYTHING, LONG_TEXT } from './support/sample-text.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

let browser: Browser;
let server: MemoryStack;

beforeAll(async () => {
  await ensurePage();
  const scripts = {
    everything: { text: EVERYTHING, reasoning: 'They want **everything**.' },
    slowly: { text: LONG_TEXT, tokenMs: 20 },
    'at once': { text: LONG_TEXT },
  };
  server = await startMemoryStack({
    inference: pacedInference(scripts),
    options: { page: PAGE, localUser: true },
  });
  browser = await startBrowser();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

it('gives fingers at least 40 pixels', async () => {
  const { page } = await openPage(browser, server.url, phone);
  const tooSmall = (): Promise<string[]> =>
    page
      .locator('button:visible, summary:visible, [role="menuitem"]:visible, nav a:visible')
      .evaluateAll((all) =>
        all.filter((each) => each.getBoundingClientRect().height < 40).map((each) => each.outerHTML.slice(0, 160)),
      );
  // A button that appears grows for a moment.
  const areLargeEnough = () => expect.poll(tooSmall, { timeout: 10_000 }).toEqual([]);
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  await areLargeEnough();
  await ask(page, 'everything');
  await hasEnded(page);
  await areLargeEnough();
  await page.getByRole('button', { name: 'More for this answer' }).click();
  await areLargeEnough();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Conversations' }).click();
  await page.getByRole('link', { name: 'New chat' }).waitFor();
  await areLargeEnough();
});

it('takes Arabic and Chinese, a word that is being composed included', async () => {
  const { page } = await openPage(browser, server.url);
  const field = page.getByRole('textbox', { name: 'Message' });
  await field.focus();
  await field.dispatchEvent('compositionstart');
  await field.dispatchEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true });
  expect(new URL(page.url()).pathname).toBe('/');
  for (const [text, direction] of [
    ['ما هي عاصمة فرنسا؟', 'rtl'],
    ['法国的首都是哪里？', 'ltr'],
  ] as const) {
    await field.fill(text);
    await field.press('Enter');
    const bubble = page.locator('.bubble').filter({ hasText: text });
    await bubble.waitFor();
    expect(await bubble.evaluate((element) => getComputedStyle(element).direction)).toBe(direction);
    await page.getByText(`You said: ${text}`).waitFor();
    await page.getByRole('button', { name: 'Send' }).waitFor();
  }
});

it('is asked and read by keyboard alone, and is told in order to people who listen', async () => {
  const { page } = await openPage(browser, server.url);
  const told = async (part: Locator): Promise<string> =>
    (await part.ariaSnapshot()).replace(/Receipt: [^"]*/, 'Receipt: times');
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  await page.getByRole('textbox', { name: 'Message' }).press('a');
  await page.keyboard.press('Enter');
  await page.getByText('You said: a').waitFor();
  await page.getByRole('button', { name: /Receipt/ }).waitFor();
  expect(await told(page.getByRole('log'))).toMatchInlineSnapshot(`
    "- log "Conversation":
      - article:
        - heading "You" [level=2]
        - button "Copy"
        - button "Edit and ask again"
        - text: a
      - article:
        - heading "Answer" [level=2]
        - paragraph: "You said: a"
        - 'button "Receipt: times"'
        - button "Copy"
        - button "Answer again"
        - button "Good answer"
        - button "Bad answer"
        - button "More for this answer""
  `);
  const receipt = page.getByRole('button', { name: /Receipt/ });
  await expect
    .poll(async () => {
      await page.keyboard.press('Shift+Tab');
      return receipt.evaluate((element) => element === document.activeElement);
    }, PATIENTLY)
    .toBe(true);
  expect(await receipt.evaluate((element) => getComputedStyle(element).outlineStyle)).toBe('solid');
  await page.keyboard.press('Enter');
  await page.getByText('Waited in line').waitFor();
});

it.skipIf(IS_PHONE)('keeps the theme that was chosen', async () => {
  const { page } = await openPage(browser, server.url, { colorScheme: 'light' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  const choose = async (theme: string): Promise<void> => {
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('radio', { name: theme }).check({ force: true });
    await page.keyboard.press('Escape');
  };
  await choose('Dark');
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await background()).toBe(dark);
  await choose('System');
  expect(await background()).toBe(light);
});

it('follows the end of an answer, and never moves what somebody reads further up', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'at once');
  await hasEnded(page);
  await ask(page, 'slowly');
  await page.locator('article.answer').nth(1).locator('.markdown').waitFor();
  const transcript = page.getByRole('log');
  const fromEnd = () =>
    transcript.evaluate((element) => element.scrollHeight - element.clientHeight - element.scrollTop);
  const grown = (letters: number) =>
    page.waitForFunction(
      (least) => (document.querySelectorAll('.answer')[1]?.textContent?.length ?? 0) > least,
      letters,
    );
  await grown(300);
  expect(await fromEnd()).toBeLessThan(24);
  await transcript.hover();
  await page.mouse.wheel(0, -1);
  await page.getByRole('button', { name: 'To the newest' }).waitFor();
  const place = await transcript.evaluate((element) => element.scrollTop);
  await grown(700);
  expect(await transcript.evaluate((element) => element.scrollTop)).toBe(place);
  await page.getByRole('button', { name: 'To the newest' }).click();
  await grown(900);
  expect(await fromEnd()).toBeLessThan(24);
});

it.skipIf(IS_PHONE)('finds a conversation where it was left, and after a reload', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'at once');
  await hasEnded(page);
  const transcript = page.getByRole('log');
  await transcript.hover();
  await page.mouse.wheel(0, -500);
  await page.getByRole('button', { name: 'To the newest' }).waitFor();
  const top = () => transcript.evaluate((element) => Math.round(element.scrollTop));
  const kept = () => page.evaluate(() => sessionStorage.getItem('chatterbot.positions'));
  await expect.poll(kept, PATIENTLY).toContain('offset');
  const place = await top();
  const address = page.url();
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByRole('list', { name: 'Suggestions' }).waitFor();
  await page.goBack();
  await hasEnded(page);
  await expect.poll(top, PATIENTLY).toBe(place);
  await page.goto(address);
  await hasEnded(page);
  await expect.poll(top, PATIENTLY).toBe(place);
});

it.skipIf(IS_PHONE)('draws the conversations in view, of ten thousand', async () => {
  const all = Array.from({ length: 10_000 }, (_, index) => ({
    ...{ number: index + 1, title: `Conversation ${index + 1}`, pinned: false, archived: false, answering: false },
    ...{ message_count: 2, created_at: '2026-01-01T00:00:00Z', updated_at: '2026-01-01T00:00:00Z' },
  }));
  const { page } = await openPage(browser, server.url);
  await page.route(/\/conversations\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    if (query.get('pinned')) return route.fulfill({ json: { items: [], next: null } });
    const items = query.get('after') ? all.slice(50) : all.slice(0, 50);
    return route.fulfill({ json: { items, next: query.get('after') ? null : 'more' } });
  });
  await page.reload();
  const list = page.locator('.side-list');
  await list.getByRole('link', { name: 'Conversation 1', exact: true }).waitFor();
  const toEnd = () =>
    list.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
      return element.scrollHeight;
    });
  await expect.poll(toEnd, PATIENTLY).toBeGreaterThan(300_000);
  await toEnd();
  await list.getByRole('link', { name: 'Conversation 10000' }).waitFor();
  expect(await list.getByRole('listitem').count()).toBeLessThan(100);
});

it('says how long the line is', async () => {
  await using busy = await startMemoryStack({
    inference: pacedInference({ never: { text: 'x', readMs: 600_000 } }),
    slots: 1,
    options: { page: PAGE, localUser: true },
  });
  const { page } = await openPage(browser, busy.url);
  for (let asked = 0; asked < 4; asked++) {
    await page.goto(busy.url);
    await ask(page, 'never');
    await page.waitForURL(/\/c\//);
  }
  await page.getByText(/in line/).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByText('Stopped before the first word.').waitFor();
});

it('tells what happens to people who listen, and does not read the answer aloud as it grows', async () => {
  const { page } = await openPage(browser, server.url);
  await ask(page, 'at once');
  await page.getByRole('status').getByText('The answer is complete.').waitFor();
  expect(await page.getByRole('log').getAttribute('aria-live')).toBe('off');
  expect(await answers(page).count()).toBe(1);
  await beginsToWrite(page);
});
