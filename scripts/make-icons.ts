import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startBrowser } from '../test/page/support/browser.ts';

/** Draws the icons of the installed page from `favicon.svg`: `npm run docs:icons`. */
const PUBLIC = fileURLToPath(new URL('../web/public/', import.meta.url));

/** `share`: of the edge that the sign takes; systems cut pieces off the corners of a maskable one, or put it on black. */
const ICONS = [
  { name: 'icon-192.png', size: 192, share: 1, background: 'transparent' },
  { name: 'icon-512.png', size: 512, share: 1, background: 'transparent' },
  { name: 'icon-maskable.png', size: 512, share: 0.56, background: '#fbfaf7' },
  { name: 'apple-touch-icon.png', size: 180, share: 0.68, background: '#fbfaf7' },
];

const svg = await readFile(`${PUBLIC}favicon.svg`, 'utf8');
await using browser = await startBrowser();
for (const { name, size, share, background } of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const edge = Math.round(size * share);
  await page.setContent(
    `<body style="margin:0;display:grid;place-items:center;height:100vh;background:${background}">` +
      svg.replace('<svg ', `<svg width="${edge}" height="${edge}" style="display:block" `),
  );
  await writeFile(`${PUBLIC}${name}`, await page.screenshot({ omitBackground: true }));
  await page.close();
  process.stdout.write(`web/public/${name}\n`);
}
