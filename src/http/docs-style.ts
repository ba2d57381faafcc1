/** Of the reference page: the look of the product, in both themes. */
export const DOCS_STYLE = `:root {
  color-scheme: light dark;
  --paper: oklch(.986 .004 95); --raised: oklch(1 0 0); --sunk: oklch(.962 .006 95);
  --line: oklch(.90 .008 95); --ink: oklch(.23 .012 150); --soft: oklch(.47 .012 150);
  --faint: oklch(.51 .012 150); --accent: oklch(.47 .09 162); --wash: oklch(.945 .025 162);
  --bad: oklch(.52 .17 27); --blue: oklch(.48 .10 240); --amber: oklch(.50 .10 75);
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: oklch(.205 .008 150); --raised: oklch(.245 .010 150); --sunk: oklch(.180 .008 150);
    --line: oklch(.32 .010 150); --ink: oklch(.93 .008 120); --soft: oklch(.74 .010 130);
    --faint: oklch(.68 .010 130); --accent: oklch(.76 .11 162); --wash: oklch(.29 .035 162);
    --bad: oklch(.70 .15 27); --blue: oklch(.76 .10 240); --amber: oklch(.80 .10 80);
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { scroll-padding-top: 24px; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; display: grid; grid-template-columns: 288px minmax(0, 1fr);
  background: var(--paper); color: var(--ink); font: 15px/1.6 var(--sans);
}
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
a:hover { text-decoration-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 16px; top: 12px; background: var(--raised); padding: 8px 12px; z-index: 1; }

nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 20px 12px 32px;
  background: var(--sunk); border-right: 1px solid var(--line); font-size: 13px; line-height: 1.4;
}
.brand { display: block; padding: 4px 12px 16px; font-size: 16px; font-weight: 650; text-decoration: none; letter-spacing: -.01em; }
.brand span { color: var(--faint); font-weight: 400; font-size: 13px; }
nav h2 { margin: 20px 12px 4px; font-size: 12px; font-weight: 600; color: var(--faint); }
nav h2 a { text-decoration: none; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav ul.top { margin-top: 8px; }
nav li a { display: flex; gap: 8px; align-items: baseline; padding: 5px 12px; border-radius: 9px; text-decoration: none; color: var(--soft); }
nav li a:hover { background: var(--paper); color: var(--ink); }
nav .verb { flex: 0 0 46px; font-size: 10px; }

main { padding: 48px clamp(20px, 4vw, 64px) 160px; max-width: 1360px; width: 100%; }
h1, h2, h3, h4 { line-height: 1.25; letter-spacing: -.012em; }
h1 { margin: 0 0 16px; font-size: 30px; }
main h2 { margin: 88px 0 8px; font-size: 23px; }
h3 { margin: 0 0 6px; font-size: 17.5px; }
h3 a { text-decoration: none; }
h4 { margin: 24px 0 4px; font-size: 13px; color: var(--soft); letter-spacing: 0; }
p { margin: 0 0 12px; max-width: 68ch; }
header p { font-size: 16px; line-height: 1.65; }
header figure { max-width: 728px; margin-top: 20px; }
code, pre { font-family: var(--mono); }
code { font-size: .88em; }
p code, li code, dd code, td code { background: var(--sunk); border-radius: 5px; padding: 1px 5px; overflow-wrap: anywhere; }

article { margin-top: 32px; padding-top: 32px; border-top: 1px solid var(--line); }
.address { margin-bottom: 16px; overflow-wrap: anywhere; }
.address code { background: none; padding: 0; font-size: 14px; }
.address var { font-style: normal; color: var(--accent); }
.open { margin-left: 8px; font-size: 12.5px; color: var(--faint); }
.verb { font: 650 11px/1 var(--mono); letter-spacing: .02em; color: var(--accent); }
.verb.post { color: var(--blue); }
.verb.patch, .verb.put { color: var(--amber); }
.verb.delete { color: var(--bad); }
.columns { display: grid; grid-template-columns: minmax(0, 1.05fr) minmax(0, 1fr); gap: 40px; }
.code { align-self: start; position: sticky; top: 24px; }

.fields { margin: 0; }
.field { padding: 9px 0; border-top: 1px solid var(--line); }
.field:first-child { border-top: 0; }
dt code { font-size: 13.5px; font-weight: 600; }
dd { margin: 2px 0 0; color: var(--soft); font-size: 14px; line-height: 1.5; max-width: 68ch; }
.type, .note, .bounds, .shape { font-size: 13px; color: var(--faint); }
.type code { background: none; padding: 0; }
.note::before { content: "in "; }
.needed { font-size: 12px; color: var(--accent); font-weight: 600; }
.answers { list-style: none; margin: 0; padding: 0; }
.answers li { padding: 6px 0; }
.status { font-variant-numeric: tabular-nums; }
.answers .status { font-weight: 600; margin-right: 6px; }
details { margin-top: 16px; font-size: 14px; }
summary { cursor: pointer; color: var(--soft); }
.codes { margin-top: 8px; line-height: 2; }
.codes a { text-decoration: none; }

figure { margin: 0 0 16px; border: 1px solid var(--line); border-radius: 12px; background: var(--raised); overflow: hidden; }
figcaption { padding: 7px 14px; font-size: 12px; color: var(--faint); border-bottom: 1px solid var(--line); }
pre { margin: 0; padding: 12px 14px; overflow-x: auto; max-height: 460px; overflow-y: auto; font-size: 12.5px; line-height: 1.55; }
pre code { font-size: inherit; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 9px 16px 9px 0; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; font-size: 12.5px; color: var(--faint); }
.soft { color: var(--soft); }
tr:target, article:target > h3 { background: var(--wash); }
article:target > h3 { box-shadow: 0 0 0 6px var(--wash); border-radius: 2px; }
.schemas article { max-width: 820px; }

@media (max-width: 1100px) {
  .columns { grid-template-columns: minmax(0, 1fr); gap: 16px; }
  .code { position: static; }
}
@media (max-width: 760px) {
  body { grid-template-columns: minmax(0, 1fr); }
  nav { position: static; height: auto; max-height: 46vh; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding-top: 28px; }
  main h2 { margin-top: 56px; }
}
@media print { nav, .skip { display: none; } body { display: block; } pre { max-height: none; white-space: pre-wrap; } }
`;
