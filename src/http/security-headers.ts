/** The page: its own scripts, styles and connections, and nothing of anybody else's. */
export const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What keeps the page's files: it may fetch them, and nothing else. */
export const SERVICE_WORKER_CSP = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";

/** Everything that is not a page: nothing may run, were a browser to show it. */
const CSP = "default-src 'none'; frame-ancestors 'none'";

/** The reference page: one style sheet of ours. */
export const DOCS_CSP =
  "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What is shared is for whoever has the link, and for no search engine. */
export const NOT_INDEXED = { 'x-robots-tag': 'noindex, nofollow, noarchive' };

export const SECURITY_HEADERS = {
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;
