export type DotEnvLine = { line: number; name: string; text: string };

/**
 * `NAME=value` lines as of shells: `export` before it, single or double quotes around the value, and
 * comments are understood; a value is one line. Anything else is named in `malformed`.
 */
export function parseDotEnv(source: string): { lines: DotEnvLine[]; malformed: number[] } {
  const lines: DotEnvLine[] = [];
  const malformed: number[] = [];
  for (const [index, raw] of source
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(text);
    const value = match && unquote(match[2]!);
    if (match && value !== null) lines.push({ line: index + 1, name: match[1]!, text: value });
    else malformed.push(index + 1);
  }
  return { lines, malformed };
}

function unquote(text: string): string | null {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text.replace(/(^|\s+)#.*$/, '').trim();
  const match = quote === '"' ? /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(text) : /^'([^']*)'\s*(?:#.*)?$/.exec(text);
  if (!match) return null;
  return quote === '"' ? match[1]!.replace(/\\(["\\$])/g, '$1') : match[1]!;
}
