import { useMemo } from 'react';
import type { MessageResource } from '../../../src/protocol/resources.ts';
import { beginning, begun } from './begin-chat.ts';
import { compare } from './comparisons.ts';
import { putAccepted } from './message-cache.ts';
import { navigate, pathOf } from './router.ts';
import { useSession } from './session-context.ts';

export type Ask = {
  /** `beside`: models that answer the same question at the same time. */
  send(text: string, key: string, model: string | undefined, beside?: readonly string[]): Promise<void>;
  /** The question again in other words: a branch beside the old one. */
  edit(message: MessageResource, text: string, key: string): Promise<void>;
  /** By `model`; absent: by the ordinary one. */
  regenerate(message: MessageResource, key: string, model?: string): Promise<void>;
};

/** What can be asked in a conversation; `shown` is the branch on show, oldest first. */
export function useAsk(number: number | null, shown: readonly MessageResource[]): Ask {
  const { user } = useSession();
  return useMemo(() => {
    const upTo = (id: string | null): readonly MessageResource[] =>
      shown.slice(0, shown.findIndex((message) => message.id === id) + 1);
    return {
      async send(text, key, model, beside = []) {
        const leaf = shown.at(-1)?.id;
        const accepted = await user.send(
          {
            message: text,
            ...(number !== null && { conversation: number }),
            ...(leaf !== undefined && { parent_id: leaf }),
            ...(model !== undefined && { model }),
            ...(number === null && beginning()),
          },
          { idempotencyKey: key },
        );
        const others = await Promise.all(
          beside.map((other) =>
            user.regenerate(
              accepted.conversation,
              accepted.request_message_id,
              { model: other },
              { idempotencyKey: `${key}-${other}` },
            ),
          ),
        );
        if (others.length > 0) compare(accepted.request_message_id, true);
        putAccepted(shown, accepted, text, others);
        if (number === null) begun(accepted.conversation);
        navigate(pathOf(accepted.conversation), number === null ? 'push' : 'replace');
      },
      async edit(message, text, key) {
        if (number === null) return;
        const accepted = await user.send(
          { message: text, conversation: number, parent_id: message.parent_id },
          { idempotencyKey: key },
        );
        putAccepted(upTo(message.parent_id), accepted, text);
        navigate(pathOf(number), 'replace');
      },
      async regenerate(message, key, model) {
        if (number === null) return;
        const accepted = await user.regenerate(number, message.id, model === undefined ? {} : { model }, {
          idempotencyKey: key,
        });
        putAccepted(upTo(message.parent_id), accepted, null);
        navigate(pathOf(number), 'replace');
      },
    };
  }, [user, number, shown]);
}
