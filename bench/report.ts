import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GoalResult, Row, Section } from './scenarios/scenario.ts';

export type Report = {
  at: string;
  command: string;
  facts: Row;
  sections: Section[];
  goals: GoalResult[];
  /** Whether it was cut short. */
  isWhole: boolean;
};

const OUT = fileURLToPath(new URL('out/', import.meta.url));

/** As JSON, Markdown and HTML beside each other; returns the path without its ending. */
export function writeReport(report: Report): string {
  mkdirSync(OUT, { recursive: true });
  const path = join(OUT, report.at.replaceAll(':', '-'));
  writeFileSync(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${path}.md`, toMarkdown(report));
  writeFileSync(`${path}.html`, toHtml(report));
  return path;
}

export function readReport(path: string): Report {
  return JSON.parse(readFileSync(path.endsWith('.json') ? path : `${path}.json`, 'utf8')) as Report;
}

export function toMarkdown({ at, command, facts, sections, goals, isWhole }: Report): string {
  return [
    `# Bench, ${at}`,
    `\`${command}\`${isWhole ? '' : ' — cut short'}`,
    Object.entries(facts)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · '),
    ...(goals.length > 0 ? ['## Goals', table(goals.map(goalRow))] : []),
    ...sections.flatMap(({ title, note, rows }) => [`## ${title}`, ...(note ? [note] : []), table(rows)]),
    '',
  ].join('\n\n');
}

export function goalRow({ goal, wanted, got, isMet }: GoalResult): Row {
  return { goal, wanted, measured: got, '': isMet ? 'met' : 'missed' };
}

export function table(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  if (columns.length === 0) return '(nothing)';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map((column) => (typeof rows[0]![column] === 'number' ? '--:' : '---'))),
    ...rows.map((row) => line(columns.map((column) => `${row[column] ?? ''}`))),
  ].join('\n');
}

const columnsOf = (rows: readonly Row[]) => [...new Set(rows.flatMap((row) => Object.keys(row)))];

function toHtml({ at, command, facts, sections, goals, isWhole }: Report): string {
  const body = [
    `<h1>Bench</h1><p>${escapeHtml(at)} · <code>${escapeHtml(command)}</code>${isWhole ? '' : ' · cut short'}</p>`,
    `<p>${escapeHtml(
      Object.entries(facts)
        .map(([name, value]) => `${name}: ${value}`)
        .join(' · '),
    )}</p>`,
    goals.length > 0 ? `<h2>Goals</h2>${htmlTable(goals.map(goalRow))}` : '',
    ...sections.map(
      ({ title, note, rows, chart }) =>
        `<h2>${escapeHtml(title)}</h2>${note ? `<p>${escapeHtml(note)}</p>` : ''}${chart ? bars(rows, chart) : ''}${htmlTable(rows)}`,
    ),
  ].join('\n');
  return `<!doctype html><meta charset="utf-8"><title>Bench ${escapeHtml(at)}</title><style>${STYLE}</style>${body}\n`;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .25rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: left; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
rect { fill: #0f766e; } text { fill: currentColor; font: 12px system-ui, sans-serif; }
`;

function htmlTable(rows: readonly Row[]): string {
  const columns = columnsOf(rows);
  const cell = (value: number | string | undefined) =>
    `<td${typeof value === 'number' ? ' class="number"' : ''}>${escapeHtml(`${value ?? ''}`)}</td>`;
  const head = columns.map((column) => `<th>${escapeHtml(column)}</th>`).join('');
  const lines = rows.map((row) => `<tr>${columns.map((column) => cell(row[column])).join('')}</tr>`).join('');
  return `<div class="wide"><table><tr>${head}</tr>${lines}</table></div>`;
}

/** One bar a row that has the column, labelled with the row's first column. */
function bars(all: readonly Row[], column: string): string {
  const rows = all.filter((row) => column in row);
  const values = rows.map((row) => Number(row[column]));
  const most = Math.max(...values, Number.MIN_VALUE);
  const lines = rows.map((row, index) => {
    const y = index * 24;
    const width = Math.max(1, (values[index]! / most) * 420);
    return `<text x="0" y="${y + 16}">${escapeHtml(`${Object.values(row)[0]}`)}</text><rect x="200" y="${y + 4}" width="${width}" height="16"/><text x="${206 + width}" y="${y + 16}">${values[index]}</text>`;
  });
  return `<svg role="img" aria-label="${escapeHtml(column)}" viewBox="0 0 720 ${rows.length * 24}" width="720">${lines.join('')}</svg>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
