const PARAGRAPH =
  'Light has the same speed for everyone who moves steadily, and the laws of physics look the same to all of them. ' +
  'If both are true, then time itself has to give way, and so it does: a moving clock runs slow.';

/** Some two thousand letters. */
export const LONG_TEXT = Array.from({ length: 10 }, (_, index) => `${index + 1}. ${PARAGRAPH}`).join('\n\n');

/** One of each thing that Markdown knows, some of them wider than a phone. */
export const EVERYTHING = `# A heading

## A second

**Bold**, *italic*, ~~gone~~, \`code\` and [a link](https://example.org/somewhere). ${PARAGRAPH}

| Speed | One hour on board is | Where you meet it | And a column more | And another one |
|---|:-:|--:|---|---|
| Airliner | 1 h + 1.2 ns | Atomic clocks flown round the world | something | something |
| 90 % of light | 2 h 18 min | Muons from the upper air | something | something |

\`\`\`typescript
// How much longer a moving clock takes, v as a share of light speed, and a line that is longer than any screen
const dilation = (v: number) => 1 / Math.sqrt(1 - v * v); /* spans
two lines */ const text = 'string', much = 2.29;
\`\`\`

Sums such as $\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$ cost $5, and the factor is

\\[
\\gamma = \\frac{1}{\\sqrt{1 - \\frac{v^2}{c^2}}} \\qquad \\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi} \\qquad \\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}
\\]

\`\`\`mermaid
graph LR
  Q[Question] --> L{In line?}
  L -->|yes| W[Wait]
  L -->|no| A[Answer]
  W --> A
\`\`\`

- One
- Two
  - Two and a half
    1. Deeper

- [x] Done
- [ ] Open

> Time is what a clock reads.

---

![A picture](https://example.org/picture.png) and a note[^1], مرحبا بالعالم, 漢字かな交じり文 and Averyveryveryveryveryveryveryveryveryverylongwordthatmustnotpushthepagesideways.

[^1]: The note.
`;
