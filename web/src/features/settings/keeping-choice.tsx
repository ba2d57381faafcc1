import { forgetKept } from '../../data/kept-chats.ts';
import { changeSettings, KEPT_CHATS, useSettings } from '../../data/settings.ts';
import { Choice } from '../../ui/choice.tsx';
import { words } from './words.ts';

/** Where the browser can keep anything at all. */
export function KeepingChoice() {
  const { keepChats } = useSettings();
  if (!('caches' in window)) return null;
  return (
    <Choice
      name={words.chatsRead}
      options={[
        ['keep', words.keep],
        ['not', words.keepNot],
      ]}
      chosen={keepChats ? 'keep' : 'not'}
      onChoose={(choice) => {
        changeSettings({ keepChats: choice === 'keep' });
        if (choice === 'not') void forgetKept();
      }}
      note={words.chatsReadWhat({ count: KEPT_CHATS })}
    />
  );
}
