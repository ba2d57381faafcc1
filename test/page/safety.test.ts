import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { answers, ask, hasEnded, openPage, startBrowser } from './support/browser.ts';
import { HOSTILE } from './support/hostile-text.ts';
import { pacedInference } from './support/paced-inference.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page/', import.meta.url));
const FIRST_LOAD_BYTES = 180 * 1024;

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

function startServer(localUser: boolean): Promise<MemoryStack> {
  // Streamed in small pieces, and again at once: half-written markup takes other paths than whole markup.
  const scripts = {
    slowly: { text: HOSTILE.join('\n\n'), tokenMs: 1 },
    ...Object.fromEntries(HOSTILE.map((text, index) => [`hostile ${index}`, { text }])),
  };
  return startMemoryStack({ inference: pacedInference(scripts), options: { page: PAGE, localUser } });
}

it('runs nothing that an answer brings, and asks no other host for anything', async () => {
  await using server = await startServer(true);
  const { page, context, complaints } = await openPage(browser, server.url);
  const dialogs: string[] = [];
  const outside: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  context.on('page', (opened) => outside.push(opened.url()));
  context.on('request', (request) => {
    // A drawing is a picture in the page's own memory.
    const url = request.url().replace(/^blob:/, '');
    if (!url.startsWith(server.url)) outside.push(url);
  });
  await ask(page, 'slowly');
  await hasEnded(page);
  for (const [index] of HOSTILE.entries()) {
    await ask(page, `hostile ${index}`);
    await page.getByText(`hostile ${index}`, { exact: true }).last().waitFor();
    await page.locator('.transcript-column > div > .row:last-child > .answer[data-state="done"]').waitFor();
  }
  await page.reload();
  await hasEnded(page);
  // All of it is put into the document.
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  const rendered = await answers(page).evaluateAll((all) =>
    all.flatMap((answer) =>
      [...answer.querySelectorAll('.markdown *')].flatMap((element) => [
        // A formula is built of spans with styles, MathML and drawn strokes; what it may not have it has neither.
        ...(!element.closest('.katex') && /^(svg|math)$/i.test(element.tagName) ? [element.tagName] : []),
        ...(/^(script|iframe|object|embed|style|link|form|base|meta|video|audio)$/i.test(element.tagName)
          ? [element.tagName]
          : []),
        ...[...element.attributes]
          .filter(
            ({ name, value }) =>
              (name === 'style' && !element.closest('.katex')) ||
              /^on|^srcdoc$/i.test(name) ||
              /^\s*(javascript|vbscript|data):/i.test(value),
          )
          .map(({ name, value }) => `${name}=${value}`),
      ]),
    ),
  );
  expect(rendered).toEqual([]);
  expect(dialogs).toEqual([]);
  expect(outside).toEqual([]);
  expect(complaints).toEqual([]);
  for (const link of await page.locator('.markdown a[target]').all()) {
    expect(await link.getAttribute('rel')).toContain('noopener');
  }
});

it('asks for a key once where the page may not speak for a local user', async () => {
  await using server = await startServer(false);
  const { page, context } = await openPage(browser, server.url);
  const field = page.getByLabel('API key');
  await field.fill('not a key');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This key is not known here.').waitFor();
  await field.fill(KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await ask(page, 'Signed in');
  await hasEnded(page);
  const kept = await page.evaluate(() =>
    JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }),
  );
  expect(kept).not.toContain(KEY);
  await page.reload();
  await hasEnded(page);
  await context.clearCookies();
  await page.reload();
  await page.getByLabel('API key').waitFor();
});

it('loads at first no more than its budget', async () => {
  const assets = await readdir(`${PAGE}assets`);
  const html = await readFile(`${PAGE}index.html`, 'utf8');
  const first = assets.filter((name) => html.includes(name)).map((name) => `${PAGE}assets/${name}`);
  expect(first.length).toBeGreaterThan(0);
  const sizes = await Promise.all(
    [...first, `${PAGE}theme.js`].map(async (path) => gzipSync(await readFile(path)).length),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(FIRST_LOAD_BYTES);
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|style="|<style/);
});
