import { useEffect } from 'react';
import { dismissNewVersion, keepFiles, showNewVersion, useNewVersion } from '../../data/new-version.ts';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';
import './notice-lines.css';

/** What is true of the whole page and no reason to interrupt anybody. Comes after what is shown first. */
export default function NoticeLines() {
  const newVersion = useNewVersion();
  useEffect(() => void keepFiles(), []);
  return (
    <div role="status">
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
