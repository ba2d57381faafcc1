import { readReport, table } from './report.ts';
import { type Row, round } from './scenarios/scenario.ts';

/** Two reports side by side: every figure that both have and that differs. */
export function compare(before: string, after: string): string {
  const [a, b] = [readReport(before), readReport(after)];
  const parts = b.sections.flatMap(({ title, rows }) => {
    const other = a.sections.find((section) => section.title === title);
    if (!other) return [];
    const changes = rows.flatMap((row, index) => changesOf(other.rows[index] ?? {}, row));
    return changes.length > 0 ? [`## ${title}`, table(changes)] : [];
  });
  return [`${a.at} → ${b.at}`, ...parts].join('\n\n');
}

function changesOf(before: Row, after: Row): Row[] {
  const name = `${Object.values(after)[0]}`;
  return Object.entries(after).flatMap(([column, now]) => {
    const then = before[column];
    if (typeof now !== 'number' || typeof then !== 'number' || now === then) return [];
    return [
      { row: name, figure: column, before: then, after: now, 'after ÷ before': then === 0 ? '' : round(now / then) },
    ];
  });
}
