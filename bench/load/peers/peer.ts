import type { Target } from '../hold-streams.ts';

/** Someone else's gateway: how it is installed below `.cache/peers`, and what starts it at a port. */
export type Peer = {
  name: string;
  install(log: (line: string) => void): Promise<void>;
  serve(port: number, upstream: string, folder: string): PeerServer;
  /** Of every call. */
  headers?(upstream: string): Record<string, string>;
  /** What must be done before it answers: an account, say. */
  signIn?(address: string): Promise<Pick<Target, 'key'>>;
};
export type PeerServer = {
  command: readonly string[];
  env: Record<string, string>;
  isReady(address: string): Promise<boolean>;
} & Pick<Target, 'key' | 'path' | 'model'>;
