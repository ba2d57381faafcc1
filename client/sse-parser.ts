/** One dispatched server-sent event. `id` is the last one seen, as the standard says; null before the first. */
export type SseMessage = { event: string; data: string; id: string | null };

export type SseParser = {
  /** Takes bytes as the network cut them: anywhere, inside characters and line ends too. */
  push(bytes: Uint8Array): void;
};

/** Parses `text/event-stream` by the HTML standard: LF, CR and CRLF line ends, comments, multi-line data. */
export function createSseParser(onMessage: (message: SseMessage) => void): SseParser {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let scanned = 0;
  let skipLineFeed = false;
  let event = '';
  let data: string[] = [];
  let id: string | null = null;

  function line(text: string): void {
    if (text === '') {
      if (data.length > 0) onMessage({ event: event || 'message', data: data.join('\n'), id });
      event = '';
      data = [];
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }

  return {
    push(bytes) {
      rest += decoder.decode(bytes, { stream: true });
      let start = 0;
      for (let i = scanned; i < rest.length; i++) {
        const code = rest.charCodeAt(i);
        if (code === 10 && skipLineFeed) {
          // The second half of a CRLF whose CR already ended the line, perhaps in the packet before.
          skipLineFeed = false;
          start = i + 1;
          continue;
        }
        skipLineFeed = code === 13;
        if (code !== 10 && code !== 13) continue;
        line(rest.slice(start, i));
        start = i + 1;
      }
      rest = rest.slice(start);
      scanned = rest.length;
    },
  };
}
