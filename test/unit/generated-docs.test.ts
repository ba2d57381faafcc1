import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { generatedFiles } from '../../scripts/generate-docs.ts';
import { parseDotEnv } from '../../src/config/dot-env.ts';
import { EXIT_CODES } from '../../src/config/exit-codes.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import { ERRORS } from '../../src/protocol/errors.ts';

const files = generatedFiles();

describe('generated files', () => {
  test.each([...files.keys()])('%s is what `npm run docs:generate` writes', (path) => {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(files.get(path));
  });

  test('.env.example names every setting and is a valid .env once its lines are taken in', () => {
    const lines = files.get('.env.example')!.replace(/^#(?=[A-Z_]+=)/gm, '');
    const parsed = parseDotEnv(lines);
    expect(parsed.malformed).toEqual([]);
    expect(parsed.lines.map(({ name }) => name).sort()).toEqual([...SETTING_NAMES].sort());
  });

  test('every error code and every exit code is documented', () => {
    for (const code of Object.keys(ERRORS)) expect(files.get('docs/errors.md')).toContain(`| \`${code}\` |`);
    for (const { code } of Object.values(EXIT_CODES))
      expect(files.get('docs/configuration.md')).toContain(`| ${code} |`);
  });

  test('exit codes differ', () => {
    const codes = Object.values(EXIT_CODES).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
