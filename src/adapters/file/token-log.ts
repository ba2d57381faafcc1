import type { Clock } from '../../ports/clock.ts';
import { InProcessTokenLog } from '../in-process-token-log.ts';
import { LogFiles } from './log-files.ts';

export type FileTokenLogOptions = {
  /** Made where missing. Files in it that are not of a log are left alone. */
  folder: string;
  clock: Clock;
  /** How long the log of a stored answer serves readers that come back; then the stored message does. */
  closedTtlMs?: number;
  /** How long a log that nobody writes or closes is kept. */
  orphanTtlMs?: number;
  janitorIntervalMs?: number;
  maxOpenFiles?: number;
};

const MINUTE_MS = 60_000;

/**
 * Logs in files of one folder, for a single process at a time. They survive that process, however it
 * dies: each append is handed to the operating system before anybody is told of it. Lengths and
 * records are in memory, the bytes are not.
 */
export class FileTokenLog extends InProcessTokenLog implements AsyncDisposable {
  readonly #files: LogFiles;
  readonly #clock: Clock;
  readonly #closedTtlMs: number;
  readonly #orphanTtlMs: number;
  readonly #end = new AbortController();
  readonly #janitor: Promise<void>;

  constructor(options: FileTokenLogOptions) {
    const files = new LogFiles(options.folder, options.clock, options.maxOpenFiles ?? 256);
    super(files);
    this.#files = files;
    this.#clock = options.clock;
    this.#closedTtlMs = options.closedTtlMs ?? 10 * MINUTE_MS;
    this.#orphanTtlMs = options.orphanTtlMs ?? 24 * 60 * MINUTE_MS;
    this.#janitor = this.#clean(options.janitorIntervalMs ?? MINUTE_MS, this.#end.signal);
  }

  async #clean(intervalMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const id of this.#files.untouchedFor(this.#closedTtlMs, this.#orphanTtlMs)) {
        await this.remove(id).catch((cause) => {
          process.emitWarning(new Error(`The old token log ${id} cannot be removed.`, { cause }));
        });
      }
      await this.#clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#janitor;
    this.#files.closeAll();
  }
}
