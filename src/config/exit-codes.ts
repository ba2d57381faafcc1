/** What the process's exit code says. `docs/configuration.md` is generated from this table. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'Left as asked.' },
  internal: { code: 1, meaning: 'Something unexpected; the log holds the cause.' },
  usage: { code: 2, meaning: 'A command, flag, line of `.env` or value is wrong; every one is named.' },
  port: { code: 3, meaning: 'The address cannot be listened on: the port is busy, or not allowed.' },
  locked: { code: 4, meaning: 'Another process uses the data folder; its pid is named.' },
  storage: { code: 5, meaning: 'The data folder cannot be written, or the disk is full.' },
  database: { code: 6, meaning: 'The database did not start, or could not be migrated.' },
  model: { code: 7, meaning: 'A command needs a model and none could be had. The server itself stays up without one.' },
  setup: {
    code: 8,
    meaning: '`npm start` could not install the packages or build the page; its last line says what to do.',
  },
  deploy: {
    code: 9,
    meaning: '`deploy`: Ray cannot be reached, refused the model, could not start it, or it does not answer.',
  },
  interrupted: { code: 130, meaning: 'A second Ctrl-C: left at once. Nothing accepted is lost.' },
} as const satisfies Record<string, { code: number; meaning: string }>;

export type ExitKind = keyof typeof EXIT_CODES;

/** Ends the process with the code of its kind; the message is the one line that people see. */
export class ExitError extends Error {
  readonly kind: ExitKind;

  constructor(kind: ExitKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ExitError';
    this.kind = kind;
  }
}

export type Exit = { kind: ExitKind; line: string };

/** How the process ends because of `error`, wherever it was thrown. */
export function exitFor(error: unknown): Exit {
  if (error instanceof ExitError) return { kind: error.kind, line: error.message };
  const { code, syscall, path, address, port, message, name } = (error ?? {}) as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (name === 'FolderLockedError') return { kind: 'locked', line: String(message) };
  if (syscall === 'listen' || syscall === 'bind') return { kind: 'port', line: listenLine(code, address, port) };
  const where = path === undefined ? '' : `: ${path}`;
  if (code === 'ENOSPC' || code === 'EDQUOT') return { kind: 'storage', line: `The disk is full${where}` };
  if ((code === 'EACCES' || code === 'EPERM' || code === 'EROFS') && !syscall?.startsWith('spawn')) {
    return { kind: 'storage', line: `Not allowed to write${where} (${code})` };
  }
  return { kind: 'internal', line: message ?? String(error) };
}

function listenLine(code: string | undefined, address = '', port?: number): string {
  const at = port === undefined ? address : `${address}:${port}`;
  if (code === 'EADDRINUSE') return `${at} is in use by another program: stop that one, or choose another --port`;
  if (code === 'EACCES') return `${at} may not be listened on by this user: choose a --port above 1023`;
  if (code === 'EADDRNOTAVAIL') return `${at} is not an address of this machine: choose another --host`;
  return `${at} cannot be listened on (${code ?? 'unknown reason'})`;
}
