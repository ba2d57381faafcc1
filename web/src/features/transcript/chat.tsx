import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useRef } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import { isTerminal } from '../../../../src/protocol/generation.ts';
import { client } from '../../data/client.ts';
import { useComparing } from '../../data/comparisons.ts';
import { useConversation } from '../../data/conversation-changes.ts';
import { errorInWords } from '../../data/in-words.ts';
import { inReadingOrder } from '../../data/message-cache.ts';
import { messagesQuery, modelsQuery } from '../../data/queries.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { useSession } from '../../data/session-context.ts';
import { useAsk } from '../../data/use-ask.ts';
import { Button } from '../../ui/button.tsx';
import { common } from '../../ui/words.ts';
import { Composer } from '../composer/composer.tsx';
import { Transcript } from './transcript.tsx';
import { words } from './words.ts';

const TemporaryNote = lazy(() => import('../keeping/temporary-note.tsx'));

/** A conversation with all that was said in it. A file of its own: what reads Markdown comes with it. */
const NO_SETTINGS = {};

export default function Chat({ number, through }: { number: number; through: string | null }) {
  const { user } = useSession();
  const models = useQuery(modelsQuery).data ?? [];
  const query = useInfiniteQuery(messagesQuery(user, number, through));
  const messages = useMemo(() => inReadingOrder(query.data), [query.data]);
  // While another branch is being fetched the one on show stays.
  const kept = useRef(messages);
  if (query.data) kept.current = messages;
  const shown = query.data ? messages : kept.current;
  const ask = useAsk(number, shown);
  const last = shown.at(-1);
  const answering = last && !isTerminal(last.state) ? last.id : null;
  const said = useMemo(() => shown.filter(({ role }) => role === 'user').map(({ content }) => content), [shown]);
  const comparing = useComparing(last?.parent_id);
  const writing = answering === null ? [] : comparing && last ? last.siblings : [answering];
  useEscapeStops(writing);
  const conversation = useConversation(number);

  if (query.isError && shown.length === 0) {
    return <ChatError error={query.error} onRetry={() => void query.refetch()} />;
  }
  return (
    <>
      {conversation?.temporary && (
        <Suspense>
          <TemporaryNote number={number} />
        </Suspense>
      )}
      <Transcript
        number={number}
        messages={shown}
        ask={ask}
        answering={answering !== null}
        hasOlder={query.hasNextPage && !query.isFetchingNextPage}
        onOlder={() => void query.fetchNextPage()}
        target={through}
      />
      <Composer
        number={number}
        models={models}
        settings={conversation?.settings ?? NO_SETTINGS}
        answering={answering}
        said={said}
        onSend={ask.send}
        onStop={() => Promise.all(writing.map((id) => client.stop(id)))}
      />
    </>
  );
}

function ChatError({ error, onRetry }: { error: Error; onRetry(): void }) {
  const gone = error instanceof ApiError && error.status === 404;
  return (
    <div className="empty">
      <h2>{gone ? words.notHere : words.cannotBeShown}</h2>
      <p className="outcome">{gone ? words.gone : errorInWords(error)}</p>
      <p>
        {gone ? (
          <Button onClick={() => navigate(pathOf(null))}>{common.newChat}</Button>
        ) : (
          <Button onClick={onRetry}>{common.tryAgain}</Button>
        )}
      </p>
    </div>
  );
}

/** Unless something that is open takes the key for itself. */
function useEscapeStops(writing: readonly string[]): void {
  const ids = writing.join(' ');
  useEffect(() => {
    if (ids === '') return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented || event.isComposing) return;
      if (document.querySelector('dialog[open], :popover-open')) return;
      // The button says so when it fails.
      for (const id of ids.split(' ')) client.stop(id).catch(() => {});
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [ids]);
}
