import { catalogue } from '../../words/words.ts';

export const words = catalogue('markdown', {
  cannotBeDrawn: 'this diagram cannot be drawn',
  code: 'Code, {language}',
  diagram: 'Diagram',
  diagramOf: 'Diagram: {source}',
  diagramSource: 'Source of the diagram',
  backToText: 'Back to reference {number}',
  done: 'Done',
  footnotes: 'Footnotes',
  formula: 'Formula',
  notLoaded: '{picture} (not loaded)',
  notLoadedFrom: '{picture} (not loaded from {host})',
  open: 'Open',
  picture: 'Picture',
  source: 'Source',
  table: 'Table',
  text: 'text',
  wrap: 'Wrap',
});
