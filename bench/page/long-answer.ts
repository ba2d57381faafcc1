/** An answer of the ordinary kind: some 1,400 letters with a list, a table and code. */
export const LONG_ANSWER = `A moving clock runs slow, and the faster it moves the slower it runs. **Nothing** about the clock is to blame: it is time itself that passes differently for those who move against each other, and *both* find the other one slow.

1. Light has the same speed for everyone.
2. So a light clock that moves has a longer way to go between two ticks.
3. It ticks more slowly, and with it everything else on board.

| Speed | One hour on board is | Where one meets it |
|---|:-:|--:|
| Airliner | 1 h + 1.2 ns | Atomic clocks flown round the world |
| 10 % of light | 1 h 18 s | Dust thrown out by the sun |
| 90 % of light | 2 h 18 min | Muons from the upper air |

How much slower is one division and one root, and \`v\` is a share of the speed of light:

\`\`\`typescript
const dilation = (v: number): number => 1 / Math.sqrt(1 - v * v);
for (const v of [0.1, 0.5, 0.9, 0.99]) {
  console.log(\`\${v}: \${dilation(v).toFixed(3)}\`);
}
\`\`\`

> Time is what a clock reads.

At everyday speeds the factor is so close to one that nobody noticed for three hundred years. At the speeds of particles in a storage ring it is thirty, and a muon that should live two microseconds goes round for sixty.

`;
