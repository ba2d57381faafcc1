/** A line of the summary: what a run on this machine showed, beside what it has to show. */
export function seen(line: string): void {
  process.stderr.write(`seen: ${line}\n`);
}

/** Seconds since it was made. */
export function stopwatch(): () => number {
  const start = performance.now();
  return () => Math.round((performance.now() - start) / 100) / 10;
}
