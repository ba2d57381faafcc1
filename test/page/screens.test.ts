import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { faultsOf, SIZES } from './support/axe.ts';
import { hasEnded, openPage, startBrowser } from './support/browser.ts';
import { IS_WHOLE } from './support/matrix.ts';
import { SCREENS, type Screen, startWorld, type World } from './support/screens.ts';
import { ensurePage } from './support/server.ts';

let browser: Browser;
let world: World;

beforeAll(async () => {
  await ensurePage();
  browser = await startBrowser();
  world = await startWorld();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await world?.[Symbol.asyncDispose]();
});

/** First: what else is asked here is told of too. */
const TOLD = ['new chat', 'answer', 'sidebar', 'palette', 'settings'];

it.each(TOLD)('is told to people who listen: %s', async (name) => {
  const { page } = await openPage(browser, world.url, { locale: 'en-GB', timezoneId: 'UTC' });
  await SCREENS.find((screen) => screen.name === name)!.open(page, world);
  const dialog = page.getByRole('dialog');
  const side = page.getByRole('navigation', { name: 'Conversations' });
  const part = name === 'sidebar' ? side : (await dialog.count()) > 0 ? dialog : page.locator('body');
  await expect(steady(await part.ariaSnapshot())).toMatchFileSnapshot(`told/${name.replaceAll(' ', '-')}.yaml`);
});

/** Without what differs from run to run. */
function steady(told: string): string {
  return told
    .replace(/heading "[^"]*\?" \[level=2\]/, 'heading "A greeting" [level=2]')
    .replace(/\b[\d.,]+ (ms|s)\b/g, '0 ms')
    .replace(/\b[\d.,]+ tokens\/s/g, '0 tokens/s')
    .replace(/definition: [0-9a-f]{8}$/gm, 'definition: a process');
}

it('prints what was said: in dark ink, without a button, no line of code cut', async () => {
  const { page } = await openPage(browser, `${world.url}/c/${world.chats.everything}`, { colorScheme: 'dark' });
  await hasEnded(page);
  await page.locator('.code-block pre').first().waitFor();
  await page.emulateMedia({ media: 'print' });
  expect(await page.locator('button:visible, textarea:visible, nav:visible').count()).toBe(0);
  const wider = (all: Element[]) => all.filter((each) => each.scrollWidth > each.clientWidth + 1).length;
  expect(await page.locator('.code-scroll').evaluateAll(wider)).toBe(0);
  expect(await page.locator('.answer').evaluate((element) => getComputedStyle(element).colorScheme)).toBe('light');
});

const OPENS_WITHIN_MS = 10_000;

/** What each screen is found to lack, by its name; screens are opened one after the other on one page. */
async function find(
  options: BrowserContextOptions,
  screens: readonly Screen[],
  look: (page: Page) => Promise<readonly string[]>,
): Promise<Record<string, readonly string[]>> {
  const { page, complaints } = await openPage(browser, world.url, options);
  const found: Record<string, readonly string[]> = {};
  page.setDefaultTimeout(OPENS_WITHIN_MS);
  for (const { name, open } of screens) {
    const seen = await open(page, world).then(
      () => look(page),
      (error: Error) => [`does not open: ${error.message}`],
    );
    const all = [...seen, ...complaints.splice(0)];
    if (all.length > 0) found[name] = all;
    await page.evaluate(() => sessionStorage.clear());
  }
  return found;
}

/** The short form sees every screen at one of the two widths. */
describe.each(SIZES.map(([name, options], index) => ({ name, options, index })))('$name', ({ options, index }) => {
  it('no screen has an accessibility violation or a sideways scroll, in either theme', {
    timeout: 240_000,
  }, async () => {
    const seen = SCREENS.filter((_, screen) => IS_WHOLE || screen % SIZES.length === index);
    expect(await find(options, seen, faultsOf)).toEqual({});
  });
});

/** As a screen of 1280 × 720 at 200 %. */
const ZOOMED: BrowserContextOptions = { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 };

it.runIf(IS_WHOLE)(
  'at 200 % nothing is cut off, covered or out of reach on any screen',
  { timeout: 240_000 },
  async () => {
    expect(await find(ZOOMED, SCREENS, cutOff)).toEqual({});
  },
);

/** Texts that end at an edge without a sign, buttons that nothing scrolls to, and a page that scrolls sideways. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const name = (element: Element) => element.outerHTML.slice(0, 120);
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) found.push('scrolls sideways');
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const style = getComputedStyle(element);
      if (style.clipPath !== 'none' || element.clientWidth <= 1 || element.closest('.katex')) continue;
      const hides = style.overflowX === 'hidden' || style.overflowX === 'clip';
      if (hides && style.textOverflow !== 'ellipsis' && element.scrollWidth > element.clientWidth + 1) {
        found.push(`cut off: ${name(element)}`);
      }
    }
    const shown = document.querySelector('dialog[open]') ?? document.body;
    for (const button of shown.querySelectorAll<HTMLElement>('button, a[href], input, textarea, select')) {
      if (!button.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || button.closest('[inert]'))
        continue;
      button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      const box = button.getBoundingClientRect();
      if (box.width <= 1 || box.height <= 1) continue;
      const outside = box.left < -1 || box.right > innerWidth + 1 || box.bottom < 1 || box.top > innerHeight - 1;
      if (outside) found.push(`out of reach: ${name(button)}`);
    }
    return found;
  });
}
