import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { PHONE, phone, WIDE } from './browser.ts';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on the page as it stands. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(source);
  const results = await page.evaluate(
    (rules) => (globalThis as unknown as { axe: { run(o: object): Promise<AxeResults> } }).axe.run({ runOnly: rules }),
    RULES,
  );
  return results.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' | ')}`);
}

export const sideways = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

/** Both widths, both themes. */
export const LOOKS: readonly [string, BrowserContextOptions][] = [
  [`${WIDE.width} px, light`, { colorScheme: 'light' }],
  [`${WIDE.width} px, dark`, { colorScheme: 'dark' }],
  [`${PHONE.width} px, light`, { ...phone, colorScheme: 'light' }],
  [`${PHONE.width} px, dark`, { ...phone, colorScheme: 'dark' }],
];
