import type { createLowlight } from 'lowlight';

type Root = ReturnType<ReturnType<typeof createLowlight>['highlight']>;
type Node = Root['children'][number];

/** Kinds that have a colour, each with the letter that stands for it in a line's spans. */
const KINDS = { comment: 'c', keyword: 'k', string: 's', number: 'n', name: 'f', plain: 'p' } as const;
export type Kind = keyof typeof KINDS;

const KIND_OF: Readonly<Record<string, Kind>> = {
  'hljs-comment': 'comment',
  'hljs-quote': 'comment',
  'hljs-keyword': 'keyword',
  'hljs-literal': 'keyword',
  'hljs-built_in': 'keyword',
  'hljs-selector-tag': 'keyword',
  'hljs-name': 'keyword',
  'hljs-string': 'string',
  'hljs-regexp': 'string',
  'hljs-symbol': 'string',
  'hljs-addition': 'string',
  'hljs-number': 'number',
  'hljs-deletion': 'comment',
  'hljs-title': 'name',
  'hljs-section': 'name',
  'hljs-attr': 'name',
  'hljs-type': 'name',
};

/**
 * A line as letters and lengths: `k5p3` is a keyword of five characters and three plain ones. Being strings,
 * lines that did not change are the same to React.
 */
export function colourLines(root: Root): string[] {
  const lines: string[] = [];
  let line = '';
  const visit = (node: Node, kind: Kind): void => {
    if (node.type === 'element') {
      const [name = ''] = [node.properties.className].flat();
      for (const child of node.children) visit(child, KIND_OF[String(name)] ?? kind);
    } else if (node.type === 'text') {
      for (const [index, part] of node.value.split('\n').entries()) {
        if (index > 0) {
          lines.push(line);
          line = '';
        }
        if (part) line += KINDS[kind] + part.length;
      }
    }
  };
  for (const child of root.children) visit(child, 'plain');
  return [...lines, line];
}

const NAMES = Object.fromEntries(Object.entries(KINDS).map(([kind, letter]) => [letter, kind as Kind]));

/** The line again, cut by what `colourLines` said of it. */
export function cutLine(line: string, spans: string): { kind: Kind; text: string }[] {
  let at = 0;
  return [...spans.matchAll(/([a-z])(\d+)/g)].map(([, letter = 'p', length]) => {
    const text = line.slice(at, at + Number(length));
    at += Number(length);
    return { kind: NAMES[letter] ?? 'plain', text };
  });
}
