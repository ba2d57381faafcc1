import { lexer, type Token } from 'marked';

/** Markdown as one would type it without any markup: for letters and forms. */
export function plainText(markdown: string): string {
  return lexer(markdown, { gfm: true })
    .map((token) => textOf(token))
    .filter((text) => text !== '')
    .join('\n\n');
}

function textOf(token: Token, indent = ''): string {
  switch (token.type) {
    case 'space':
    case 'hr':
    case 'def':
    case 'html':
      return '';
    case 'br':
      return '\n';
    case 'link':
      return token.text === token.href ? token.href : `${inline(token.tokens)} (${token.href})`;
    case 'list':
      return token.items
        .map((item: { tokens: Token[] }, index: number) => {
          const mark = token.ordered ? `${Number(token.start) + index}. ` : '- ';
          const parts = item.tokens.map((part) => textOf(part, `${indent}  `)).filter((part) => part.trim() !== '');
          return indent + mark + parts.join('\n');
        })
        .join('\n');
    case 'table':
      return [token.header, ...token.rows]
        .map((row: { tokens: Token[] }[]) => row.map((cell) => inline(cell.tokens)).join('\t'))
        .join('\n');
    default:
      return 'tokens' in token && token.tokens
        ? inline(token.tokens)
        : 'text' in token
          ? String(token.text)
          : token.raw;
  }
}

const inline = (tokens: Token[] = []): string => tokens.map((token) => textOf(token)).join('');
