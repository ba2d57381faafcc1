import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Inference } from '../../src/ports/inference.ts';
import { type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { ask, hasEnded, openPage, startBrowser } from './support/browser.ts';
import { pacedInference } from './support/paced-inference.ts';
import { LONG_TEXT } from './support/sample-text.ts';
import { ensurePage } from './support/server.ts';

const PAGE = fileURLToPath(new URL('../../dist/page', import.meta.url));

/** Two upstreams, each with one model and a text of its own. */
function twoModels(): Inference {
  const one = pacedInference({ Compare: { text: `First says. ${LONG_TEXT}`, tokenMs: 20 } });
  const other = pacedInference({ Compare: { text: `Second says. ${LONG_TEXT}`, tokenMs: 20 } });
  const [first] = one.models();
  const [second] = other.models().map((model) => ({ ...model, id: 'other', title: 'Other 2B' }));
  return {
    ...one,
    models: () => [first!, second!],
    generate: (request, sink, signal) =>
      (request.model === 'other' ? other : one).generate(request, sink, signal).then((result) => ({
        ...result,
        model: request.model,
      })),
  };
}

let browser: Browser;
let server: MemoryStack;

beforeAll(async () => {
  await ensurePage();
  server = await startMemoryStack({ inference: twoModels(), options: { page: PAGE, localUser: true } });
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

it('asks two models at once, each with its own stream, and goes on with the chosen one', async () => {
  const { page, complaints } = await openPage(browser, server.url);
  await page.getByRole('button', { name: 'Model: Scripted 1B' }).click();
  await page.getByRole('menuitem', { name: 'Beside it, Other 2B' }).click();
  await ask(page, 'Compare');
  const sides = page.getByRole('region', { name: 'Answers side by side' });
  // Neither has ended when both are being written.
  await sides.locator('article[data-state="running"], article[data-state="queued"]').nth(1).waitFor();
  await sides.getByText('First says.').waitFor();
  await sides.getByText('Second says.').waitFor();
  expect(await sides.locator('article[data-state="done"]').count()).toBe(0);
  await page.reload();
  await sides.getByText('First says.').waitFor();
  await sides.getByText('Second says.').waitFor();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await hasEnded(page, 'cancelled', 2);
  await sides
    .locator('.side')
    .filter({ hasText: 'First says.' })
    .getByRole('button', { name: 'Go on with this' })
    .click();
  await page.getByText('1/2').waitFor();
  await page.getByText('First says.').waitFor();
  await ask(page, 'And then?');
  await page.getByText('You said: And then?').waitFor();
  expect(await page.getByText('First says.').isVisible()).toBe(true);
  expect(complaints).toEqual([]);
});
