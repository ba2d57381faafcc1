/** What went wrong, and in brackets what that comes from in the end. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  let root = error;
  while (root.cause instanceof Error) root = root.cause;
  return root === error || !root.message ? error.message : `${error.message} (${root.message})`;
}
