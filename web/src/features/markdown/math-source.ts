/**
 * Mathematics as models write it: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`. Code comes first, for what stands in it is
 * none. As in Pandoc a dollar that opens is followed by a letter and one that closes is not followed by a digit,
 * so that prices stay prices.
 */
const PIECES =
  /(?<code>(?<marks>`+)[\s\S]*?\k<marks>)|(?<!\\)\\\[(?<bracket>[\s\S]+?)\\\]|(?<!\\)\\\((?<paren>[\s\S]+?)\\\)|\$\$(?<double>[\s\S]+?)\$\$|(?<single>(?<!\\)\$(?![\s$])(?:\\.|[^$\\\n])+?(?<!\s)\$(?!\d))|(?<other>\\?\$)/g;

/** The text with its formulas in the one form that the parser reads; null where there are none. */
export function readMath(source: string): string | null {
  if (!/\$|\\[([]/.test(source)) return null;
  let found = false;
  const text = source.replace(PIECES, (whole, ...rest) => {
    const groups = rest.at(-1) as Record<string, string | undefined>;
    const at = rest.at(-3) as number;
    if (groups.code !== undefined) return whole;
    if (groups.other !== undefined) return '\\$';
    found = true;
    if (groups.single !== undefined) return whole;
    if (groups.paren !== undefined) return `$${groups.paren.trim()}$`;
    const formula = (groups.bracket ?? groups.double ?? '').trim();
    return onItsOwn(source, at, at + whole.length, formula) ?? `$$${formula}$$`;
  });
  return found ? text : null;
}

/** A formula that fills its lines is displayed; the parser wants its marks on lines of their own. */
function onItsOwn(source: string, from: number, to: number, formula: string): string | null {
  const before = source.slice(source.lastIndexOf('\n', from - 1) + 1, from);
  const after = /^[ \t]*(?=\n|$)/.test(source.slice(to, to + 80));
  if (before.trim() !== '' || !after) return null;
  return ['$$', ...formula.split('\n'), '$$'].map((line, index) => (index === 0 ? line : before + line)).join('\n');
}

/** Longer than any formula: the marks were meant otherwise. */
const LONGEST_FORMULA = 4_000;

/** Whether a displayed formula that began here goes on behind the text. */
export function leavesMathOpen(block: string): boolean {
  if (block.length > LONGEST_FORMULA) return false;
  const text = block.replace(/(`+)[\s\S]*?\1/g, '');
  if (/^ {0,3}\$\$/m.test(text) && (text.match(/\$\$/g)?.length ?? 0) % 2 === 1) return true;
  return text.lastIndexOf('\\[') > text.lastIndexOf('\\]') && /^ {0,3}\\\[/m.test(text);
}
