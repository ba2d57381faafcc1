export type ModelProgress = {
  phase: 'looking' | 'downloading' | 'verifying' | 'unpacking' | 'converting';
  /** What is being worked on, in plain words. */
  detail: string;
  bytes?: number;
  total?: number;
};
