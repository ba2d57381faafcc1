const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Text with `code` in it. */
export function inlineHtml(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

/** Empty lines part paragraphs. */
export function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .filter(Boolean)
    .map((part) => `<p>${inlineHtml(part)}</p>`)
    .join('');
}
