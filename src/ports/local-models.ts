/** Models that can be fetched onto this machine and run here, and what there is of them. */
export interface LocalModels {
  list(): Promise<{ machine: Machine; models: readonly LocalModel[] }>;

  /** Begins, or goes on where it ended; what is there or under way is left as it is. Throws ChatError. */
  download(name: string): Promise<void>;

  /** What was received is kept: another download goes on from there. Throws ChatError. */
  cancel(name: string): Promise<void>;

  /** File, and what was received of it. Throws ChatError. */
  remove(name: string): Promise<void>;
}

/** Bytes: of memory in all, and free where models are kept. */
export type Machine = { memoryBytes: number; freeDiskBytes: number };

export type LocalModel = {
  name: string;
  title: string;
  description: string;
  licence: string;
  /** Bytes, about: of the file, and of memory while it answers. */
  fileBytes: number;
  memoryBytes: number;
  /** `in-use`: it is there, and the one that the server was started with. */
  state: 'absent' | 'partial' | 'downloading' | 'checking' | 'ready' | 'in-use';
  /** Of the file, received until now; total where it is known. */
  received: { bytes: number; totalBytes: number | null } | null;
  /** Of the last download, where it failed. */
  failure: DownloadFailure | null;
};

export type DownloadFailure =
  | 'download_unreachable'
  | 'download_broke_off'
  | 'download_damaged'
  | 'disk_full'
  | 'internal';
