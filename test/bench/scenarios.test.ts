import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readReport } from '../../bench/report.ts';
import { SCENARIOS } from '../../bench/scenarios/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What it measures at this size means nothing; that every scenario runs to its end and writes its part does. */
test('every scenario runs, a fiftieth of its size', async () => {
  const { code, out } = await new Promise<{ code: number; out: string }>((resolve) => {
    const command = ['bench/run.ts', '--toy', ...Object.keys(SCENARIOS)];
    execFile(process.execPath, command, { cwd: ROOT, maxBuffer: 2 ** 24 }, (error, out, said) => {
      resolve({ code: error ? Number(error.code) : 0, out: `${said}\n${out}` });
    });
  });
  // 1: a goal was missed, as it may at this size.
  expect([0, 1], out).toContain(code);
  expect(out).toContain('\nGoals\n');
  const report = readReport(/written to (\S+)\.md/.exec(out)![1]!);
  expect(report.isWhole, out).toBe(true);
  for (const { title, rows } of report.sections) expect(rows, title).not.toHaveLength(0);
}, 400_000);
