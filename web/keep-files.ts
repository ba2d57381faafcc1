import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plugin, transformWithOxc } from 'vite';

const SOURCE = join(import.meta.dirname, 'service-worker', 'service-worker.ts');
const PUBLIC = join(import.meta.dirname, 'public');

/** Every browser that runs the page reads woff2. */
const NEVER_ASKED_FOR = /\.(ttf|woff|map)$/;

/** Writes the service worker, with the names of all that this build consists of. */
export function keepFiles(): Plugin {
  return {
    name: 'keep-files',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      const own = readdirSync(PUBLIC);
      const built = Object.keys(bundle).filter((name) => !NEVER_ASKED_FOR.test(name) && name !== 'index.html');
      const files = ['/', ...[...own, ...built].toSorted().map((name) => `/${name}`)];
      const html = bundle['index.html'];
      // Names of built files tell their content.
      const content = createHash('sha256').update(files.join());
      if (html?.type === 'asset') content.update(html.source);
      for (const name of own) content.update(readFileSync(join(PUBLIC, name)));
      const { code } = await transformWithOxc(readFileSync(SOURCE, 'utf8'), SOURCE, { target: 'chrome123' });
      const source = `const BUILD = ${JSON.stringify(content.digest('hex').slice(0, 16))};\nconst FILES = ${JSON.stringify(files)};\n${code}`;
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source });
    },
  };
}
