import './layout-as-library.ts';
import { renderMermaidSVG } from 'beautiful-mermaid';
import { answerCalls } from '../../lib/worker-call.ts';

export type DiagramInput = { code: string; colours: { bg: string; fg: string; accent: string } };

answerCalls(({ code, colours }: DiagramInput): string => {
  // Links of a diagram go nowhere in a picture, and would be drawn as nodes.
  const drawn = code.replace(/^\s*(click|link|links|callback)\s.*$/gm, '');
  const svg = renderMermaidSVG(drawn, { ...colours, font: 'system-ui', transparent: true, padding: 8 });
  // A picture loads nothing anyway; a font of another host is not even to be named.
  return svg.replace(/@import[^;]*;/g, '');
});
