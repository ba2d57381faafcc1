import { lexer } from 'marked';
import { leavesMathOpen } from './math-source.ts';

/**
 * Cuts Markdown into its top-level blocks so that finished ones are rendered once. While a text grows only
 * its last two blocks can still change (the one being written, and one that it may turn out to continue),
 * so only they are read again.
 */
export function createBlockSplitter(): (text: string) => readonly string[] {
  let source = '';
  let blocks: readonly string[] = [];
  return (text) => {
    if (text === source) return blocks;
    const kept = text.startsWith(source) ? blocks.slice(0, -OPEN_BLOCKS) : [];
    const keptLength = kept.reduce((sum, block) => sum + block.length, 0);
    source = text;
    blocks = [...kept, ...splitBlocks(text.slice(keptLength))];
    return blocks;
  };
}

const OPEN_BLOCKS = 2;

/** Joined again the blocks are the text. */
export function splitBlocks(text: string): string[] {
  const blocks: string[] = [];
  let inFormula = false;
  for (const token of lexer(text, { gfm: true })) {
    const isCode = token.type === 'code';
    // Blank lines belong to the block before them, and to the formula that they stand in.
    if ((token.type === 'space' || (inFormula && !isCode)) && blocks.length > 0) blocks[blocks.length - 1] += token.raw;
    else blocks.push(token.raw);
    inFormula = !isCode && leavesMathOpen(blocks.at(-1) ?? '');
  }
  return blocks;
}

/** Link and footnote definitions serve other blocks, so such a text is rendered as one once it is whole. */
export function hasDefinitions(text: string): boolean {
  return /^ {0,3}\[[^\]\n]+\]:/m.test(text);
}

export type Fence = { language: string; code: string; closed: boolean };

/** A block that is one fenced code block; null for any other. */
export function readFence(block: string): Fence | null {
  const open = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\n`]*)(?:\n|$)/.exec(block);
  if (!open) return null;
  const [head, marks, info = ''] = open;
  const body = block.slice(head.length).replace(/\s+$/, '');
  const close = new RegExp(`(^|\\n) {0,3}${marks?.[0] === '~' ? '~' : '`'}{${marks?.length ?? 3},}[ \\t]*$`).exec(body);
  return {
    language: info.trim().split(/\s+/)[0] ?? '',
    code: close ? body.slice(0, close.index) : body,
    closed: close !== null,
  };
}
