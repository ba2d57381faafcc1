import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** In `path`, an import of each of these. */
type Probe = { path: string; specifiers: readonly string[] };

const FORBIDDEN: readonly Probe[] = [
  {
    path: 'src/core/probe.ts',
    specifiers: [
      '../adapters/postgres/outbox.ts',
      '../http/server.ts',
      '../worker/consume.ts',
      '../roles/embedded.ts',
      '../config/config.ts',
      'node:fs',
      'pg',
    ],
  },
  {
    path: 'src/ports/probe.ts',
    specifiers: [
      '../core/dispatch.ts',
      '../adapters/memory/cache.ts',
      '../telemetry/events.ts',
      '../lib/backoff.ts',
      'pg',
    ],
  },
  { path: 'src/protocol/probe.ts', specifiers: ['../ports/clock.ts', '../lib/backoff.ts', 'node:crypto', 'pg'] },
  {
    path: 'src/adapters/memory/probe.ts',
    specifiers: ['../../core/dispatch.ts', '../../http/server.ts', '../../config/config.ts', '../../roles/embedded.ts'],
  },
  {
    path: 'src/http/routes/probe.ts',
    specifiers: [
      '../../adapters/memory/cache.ts',
      '../../worker/consume.ts',
      '../../roles/embedded.ts',
      '../../config/config.ts',
    ],
  },
  {
    path: 'src/worker/probe.ts',
    specifiers: ['../adapters/memory/cache.ts', '../http/server.ts', '../roles/embedded.ts', '../config/config.ts'],
  },
  { path: 'src/lib/probe.ts', specifiers: ['../core/dispatch.ts', '../ports/clock.ts', '../telemetry/events.ts'] },
  { path: 'src/telemetry/probe.ts', specifiers: ['../ports/clock.ts', '../core/dispatch.ts', '../config/config.ts'] },
  { path: 'src/config/probe.ts', specifiers: ['../adapters/memory/cache.ts', '../core/dispatch.ts'] },
  { path: 'src/main.ts', specifiers: ['./core/dispatch.ts', './adapters/memory/cache.ts', './http/server.ts'] },
  {
    path: 'client/probe.ts',
    specifiers: ['../src/core/dispatch.ts', '../src/lib/backoff.ts', '../web/src/app.tsx', 'node:fs', 'react'],
  },
  {
    path: 'web/src/lib/probe.ts',
    specifiers: ['../../../src/core/dispatch.ts', '../../../src/http/server.ts', '../../../src/lib/backoff.ts'],
  },
];

const ALLOWED: readonly Probe[] = [
  {
    path: 'src/core/allowed.ts',
    specifiers: [
      './dispatch.ts',
      '../ports/clock.ts',
      '../protocol/errors.ts',
      '../telemetry/events.ts',
      '../lib/backoff.ts',
    ],
  },
  { path: 'src/ports/allowed.ts', specifiers: ['./clock.ts', '../protocol/errors.ts'] },
  { path: 'src/protocol/allowed.ts', specifiers: ['./errors.ts', 'typebox'] },
  {
    path: 'src/adapters/memory/allowed.ts',
    specifiers: [
      '../../ports/clock.ts',
      '../../lib/backoff.ts',
      '../../telemetry/events.ts',
      '../whole-characters.ts',
      'pg',
    ],
  },
  { path: 'src/http/routes/allowed.ts', specifiers: ['../../core/dispatch.ts', '../../ports/clock.ts', '../sse.ts'] },
  { path: 'src/worker/allowed.ts', specifiers: ['../core/dispatch.ts', '../ports/clock.ts'] },
  {
    path: 'src/roles/allowed.ts',
    specifiers: ['../adapters/memory/cache.ts', '../config/config.ts', '../http/server.ts'],
  },
  { path: 'src/config/allowed.ts', specifiers: ['../telemetry/logger.ts', '../lib/nearest-name.ts', 'node:path'] },
  { path: 'client/allowed.ts', specifiers: ['./http.ts', '../src/protocol/errors.ts'] },
  {
    path: 'web/src/lib/allowed.ts',
    specifiers: ['../../../client/create-client.ts', '../../../src/protocol/errors.ts', '../lib/format.ts', 'react'],
  },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
/** `path:line` of each import that the linter refuses; an import's line is its place among its probe's. */
let refused: Set<string>;

/** The project's own rules over files that hold nothing but the imports. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatterbot-boundaries-'));
  copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
  for (const { path, specifiers } of [...FORBIDDEN, ...ALLOWED]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(
      join(folder, path),
      specifiers.map((specifier, i) => `export * as m${i} from '${specifier}';\n`).join(''),
    );
  }
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const { stdout } = spawnSync(
    process.execPath,
    [biome, 'lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  const report = JSON.parse(stdout) as {
    diagnostics: { category: string; location: { path: string; start: { line: number } } }[];
  };
  refused = new Set(
    report.diagnostics
      .filter(({ category }) => category === 'lint/style/noRestrictedImports')
      .map(({ location }) => `${location.path}:${location.start.line}`),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cases = (probes: readonly Probe[]) =>
  probes.flatMap(({ path, specifiers }) => specifiers.map((specifier, i) => ({ path, specifier, line: i + 1 })));

test.each(cases(FORBIDDEN))('$path may not import $specifier', ({ path, line }) => {
  expect(refused).toContain(`${path}:${line}`);
});

test.each(cases(ALLOWED))('$path may import $specifier', ({ path, line }) => {
  expect(refused).not.toContain(`${path}:${line}`);
});
