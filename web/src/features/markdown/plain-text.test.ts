import { expect, it } from 'vitest';
import { plainText } from './plain-text.ts';

it('keeps the words and drops the markup', () => {
  const markdown = `# Title

Some **bold** and \`code\`, [a link](https://example.org/x).

1. One
2. Two
   - deeper

| a | b |
|---|---|
| 1 | *2* |

\`\`\`js
const a = 1;
\`\`\`
`;
  expect(plainText(markdown)).toBe(
    'Title\n\nSome bold and code, a link (https://example.org/x).\n\n1. One\n2. Two\n  - deeper\n\na\tb\n1\t2\n\nconst a = 1;',
  );
});
