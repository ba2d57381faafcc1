import { useEffect, useRef, useState } from 'react';
import { errorInWords } from '../../data/in-words.ts';
import { conversationsKey, olderKey } from '../../data/queries.ts';
import { queryClient } from '../../data/query-client.ts';
import { useSession } from '../../data/session-context.ts';
import { workerCall } from '../../lib/worker-call.ts';
import { announce } from '../../ui/announcer.tsx';
import type { ImportPlan } from './plan.ts';
import type { ReadFile } from './read-file.worker.ts';
import { type Outcome, sendChats } from './send-chats.ts';
import { words } from './words.ts';

const READ_MS = 5 * 60_000;
const MOST_MB = 256;
const readFile = workerCall<File, ReadFile>(
  () => new Worker(new URL('./read-file.worker.ts', import.meta.url), { type: 'module' }),
  READ_MS,
);

export type ImportState =
  | { kind: 'none'; refused: string | null }
  | { kind: 'reading'; name: string }
  | { kind: 'planned'; plan: ImportPlan }
  | { kind: 'sending'; plan: ImportPlan; outcomes: readonly Outcome[] }
  /** `note`: why it ended early. */
  | { kind: 'ended'; outcomes: readonly Outcome[]; note: string | null };

/** A file on its way to chats. It ends with whoever shows it. */
export function useImport() {
  const { user } = useSession();
  const [state, setState] = useState<ImportState>({ kind: 'none', refused: null });
  const stopping = useRef(new AbortController());
  useEffect(() => () => stopping.current.abort(), []);

  return {
    state,
    async read(file: File): Promise<void> {
      setState({ kind: 'reading', name: file.name });
      const read = await readFile(file);
      if (read && 'plan' in read) setState({ kind: 'planned', plan: read.plan });
      else setState({ kind: 'none', refused: refusalInWords(read) });
    },
    async send(plan: ImportPlan): Promise<void> {
      stopping.current = new AbortController();
      const { signal } = stopping.current;
      const outcomes: Outcome[] = [];
      setState({ kind: 'sending', plan, outcomes });
      announce(words.started);
      let note: string | null = null;
      try {
        await sendChats(plan, {
          user,
          signal,
          onOutcome(outcome) {
            outcomes.push(outcome);
            setState({ kind: 'sending', plan, outcomes: [...outcomes] });
          },
        });
      } catch (error) {
        note = signal.aborted ? words.stopped : words.brokeOff({ why: errorInWords(error) });
      }
      setState({ kind: 'ended', outcomes, note });
      for (const queryKey of [conversationsKey, olderKey, ['items'], ['archived conversations']]) {
        void queryClient.invalidateQueries({ queryKey });
      }
    },
    stop: (): void => stopping.current.abort(),
    again: (): void => setState({ kind: 'none', refused: null }),
  };
}

function refusalInWords(read: ReadFile | null): string {
  if (!read || 'plan' in read) return words.cannotBeRead;
  if (read.refused === 'too-large') return words.tooLarge({ count: MOST_MB });
  if (read.refused === 'no-chats-in-zip') return words.noChatsInZip;
  return read.refused === 'no-json' ? words.noJson : words.unknown;
}
