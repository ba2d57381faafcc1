const MARKUP = /\*+|~~|__|`+|^#{1,6} /gm;
const LINK = /\[([^\]]*)\]\([^)]*\)/g;

/** A passage whose matches stand between U+E000 and U+E001. */
export function Passage({ text }: { text: string }) {
  return text
    .replace(LINK, '$1')
    .replace(MARKUP, '')
    .split(/(\uE000[^\uE001]*\uE001?)/u)
    .map((part, index) =>
      part.startsWith('\uE000') ? (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text have no other identity.
        <mark key={index}>{part.replace(/[\uE000\uE001]/gu, '')}</mark>
      ) : (
        part.replaceAll('\uE001', '')
      ),
    );
}
