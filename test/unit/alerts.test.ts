import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { collectProcessMetrics, registry } from '../../src/telemetry/metrics.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const ALERTS = read('deploy/prometheus/alerts.yml');
const DASHBOARD = read('deploy/grafana/dashboard.json');
const RUNBOOK = read('docs/runbook.md');
const OPERATIONS = read('docs/operations.md');

collectProcessMetrics();
const known = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));

/** As Prometheus sees them: a histogram is three series. */
function isKnown(series: string): boolean {
  const name = series.replace(/_(?:bucket|sum|count)$/, '');
  return known.has(series) || (known.has(name) && ['histogram', 'summary'].includes(known.get(name)!));
}

const seriesIn = (text: string) => [...new Set(text.match(/\b(?:chat|nodejs|process)_[a-z0-9_]+\b/g))];
const alerts = [...ALERTS.matchAll(/- alert: (\w+)\n((?: {8}.*\n)+)/g)].map(([, name, body]) => ({
  name: name!,
  expr: /expr: (.*)/.exec(body!)![1]!,
  runbook: /runbook: (.*)/.exec(body!)![1]!,
}));

test.each([
  ['deploy/prometheus/alerts.yml', ALERTS],
  ['deploy/grafana/dashboard.json', DASHBOARD],
  ['docs/runbook.md', RUNBOOK],
  ['docs/operations.md', OPERATIONS],
])('every figure that %s names is one that a process exposes', (_, text) => {
  const named = seriesIn(text);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((series) => !isKnown(series))).toEqual([]);
});

test('counters are looked at as rates', () => {
  for (const text of [...alerts.map(({ expr }) => expr), ...JSON.parse(DASHBOARD).panels.flatMap(exprsOf)]) {
    for (const [, series] of text.matchAll(/(?<!(?:rate|increase)\()\b(chat_\w+_total)\b/g)) {
      throw new Error(`${series} is a counter, looked at as it is in: ${text}`);
    }
  }
});

test('every alert has a heading of its own in the runbook, with what to do, and a row in the table', () => {
  const headings = [...RUNBOOK.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading!);
  expect(alerts.map(({ name }) => name)).toEqual(headings);
  expect(alerts.map(({ runbook }) => runbook)).toEqual(
    headings.map((heading) => `docs/runbook.md#${heading.toLowerCase()}`),
  );
  for (const section of RUNBOOK.split(/^## /m).slice(1)) {
    for (const part of ['Means', 'Look', 'Do', 'Over']) expect(section).toContain(`- **${part}**: `);
  }
  const rows = [...OPERATIONS.matchAll(/^\| \[(\w+)\]\(runbook\.md#(\w+)\)/gm)];
  expect(rows.map(([, name]) => name)).toEqual(headings);
  expect(rows.map(([, name, anchor]) => name!.toLowerCase() === anchor)).not.toContain(false);
});

test('the dashboard loads: ids and places of its panels are their own', () => {
  const { panels } = JSON.parse(DASHBOARD);
  const ids = panels.map(({ id }: { id: number }) => id);
  const places = panels.map(({ gridPos: { x, y } }: { gridPos: { x: number; y: number } }) => `${x},${y}`);
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(places).size).toBe(places.length);
});

function exprsOf({ targets }: { targets: { expr: string }[] }): string[] {
  return targets.map(({ expr }) => expr);
}
