import type { Generation } from '../ports/generations.ts';
import type { Account, GenerationParams } from '../protocol/generation.ts';
import { dispatch, dispatchWindow } from './dispatch.ts';
import type { Run } from './run.ts';

/** Whoever has so many waiting is asked nothing besides. */
const MOST_WAITING = 50;
const NO_BODY = '0'.repeat(64);

/** `title`: for operators. `content`: all that the model reads. `key`: asked once under it, whoever asks. */
export type Aside = {
  title: string;
  content: string;
  key: string;
  params: Pick<GenerationParams, 'model' | 'maxTokens' | 'summaryOf' | 'titleOf'>;
};

/** Asks the model something for the sake of a conversation, behind everybody who waits, and keeps it nowhere. */
export async function askAside({ host, generation }: Run, { title, content, key, params }: Aside): Promise<void> {
  const { ports } = host;
  const { clock, outbox, line } = ports;
  const accepted = await outbox.accept({
    workspaceId: generation.workspaceId,
    userId: generation.userId,
    conversation: { newId: clock.newId(), title, transient: true },
    request: { kind: 'message', id: clock.newId(), content: '' },
    generationId: clock.newId(),
    lane: 'batch',
    direct: false,
    params: { ...params, temperature: 0, cache: false, ...accountOf(generation) },
    prompt: [{ role: 'user', content }],
    idempotency: { key, bodyHash: NO_BODY },
    window: await dispatchWindow({ line }, host.settings.dispatch),
    maxWaiting: MOST_WAITING,
    positionAtArrival: null,
  });
  await dispatch(ports, accepted.dispatched);
}

/** Counted for whoever talks, and never refused for a budget. */
function accountOf({ params }: Generation): { account?: Account } {
  if (!params.account) return {};
  const { keyId, reservedTokens } = params.account;
  return { account: { keyId, ...(reservedTokens !== undefined && { reservedTokens: 0 }) } };
}
