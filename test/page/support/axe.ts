import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { phone, WIDE } from './browser.ts';

const ALL = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] };
/** What the theme has a part in. */
const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };
const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

type Axe = { run(within: Element | Document, options: object): Promise<AxeResults> };

/** Of the dialog that lies over the page, where there is one: the rest is out of reach. */
export async function violations(page: Page, runOnly: object = ALL): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(source);
  const results = await page.evaluate(
    (options) =>
      (globalThis as unknown as { axe: Axe }).axe.run(document.querySelector('dialog[open]') ?? document, options),
    { runOnly, resultTypes: ['violations'] },
  );
  return results.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' | ')}`);
}

/** Both widths; nothing moves, so that colours are what they are at once. */
export const SIZES: readonly [string, BrowserContextOptions][] = [
  [`${WIDE.width} px`, { reducedMotion: 'reduce' }],
  [`${phone.viewport?.width} px`, { ...phone, reducedMotion: 'reduce' }],
];

/** What is wrong with the screen as it stands: what axe finds in either theme, and a scroll to the side. */
export async function faultsOf(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const [colorScheme, rules] of [
    ['light', ALL],
    ['dark', COLOURS],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    found.push(...(await violations(page, rules)).map((each) => `${colorScheme}: ${each}`));
  }
  const sideways = await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  return sideways ? [...found, 'scrolls sideways'] : found;
}

export async function expectAccessible(page: Page, screen: string): Promise<void> {
  expect(await faultsOf(page), screen).toEqual([]);
}
