import type { GenerationId, OwnerId } from './generations.ts';

/** Words for one process, by its owner id. May be lost: the heartbeat carries the same news later. */
export interface Inboxes {
  /** True when the process has acted on it; false when nobody answered within `timeoutMs`. */
  tell(owner: OwnerId, message: InboxMessage, timeoutMs: number): Promise<boolean>;
  /** `act` resolves to whether the message was meant for something this process runs. */
  listen(owner: OwnerId, act: (message: InboxMessage) => Promise<boolean>): Promise<AsyncDisposable>;
}

export type InboxMessage = { kind: 'stop'; id: GenerationId };
