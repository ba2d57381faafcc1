import { useEffect } from 'react';
import { keepWhatIsRead } from '../../data/kept-chats.ts';
import { dismissNewVersion, keepFiles, showNewVersion, useNewVersion } from '../../data/new-version.ts';
import { conversationsKey } from '../../data/queries.ts';
import { queryClient } from '../../data/query-client.ts';
import { useSession } from '../../data/session-context.ts';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';
import './notice-lines.css';

/** What is true of the whole page and no reason to interrupt anybody. Comes after what is shown first. */
export default function NoticeLines() {
  const newVersion = useNewVersion();
  const { offline } = useSession();
  useEffect(() => void keepFiles(), []);
  useEffect(keepWhatIsRead, []);
  useRefreshWhenBack(offline);
  return (
    <div aria-live="polite">
      {offline && <p className="notice-line">{awayInWords()}</p>}
      {newVersion && (
        <p className="notice-line">
          <span>{words.newVersion}</span>
          <button type="button" onClick={showNewVersion}>
            {common.reload}
          </button>
          <button type="button" onClick={dismissNewVersion}>
            {words.dismiss}
          </button>
        </p>
      )}
    </div>
  );
}

function awayInWords(): string {
  const count = queryClient.getQueryData<readonly unknown[]>([...conversationsKey, 'newest'])?.length ?? 0;
  return count === 0 ? words.awayEmpty : words.away({ count });
}

function useRefreshWhenBack(offline: boolean): void {
  useEffect(() => {
    if (!offline) return;
    return () => void queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  }, [offline]);
}
