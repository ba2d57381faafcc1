import { memo, useEffect, useRef, useState } from 'react';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import type { Ask } from '../../data/use-ask.ts';
import { useAttempt } from '../../data/use-attempt.ts';
import { Button, IconButton } from '../../ui/button.tsx';
import { common } from '../../ui/words.ts';
import { BranchArrows } from './branch-arrows.tsx';
import { Bubble } from './bubble.tsx';
import { CopyButton } from './copy-button.tsx';
import { words } from './words.ts';

type UserMessageProps = { number: number; message: MessageResource; ask: Ask; canEdit: boolean };

export const UserMessage = memo(function UserMessage({ number, message, ask, canEdit }: UserMessageProps) {
  const [editing, setEditing] = useState(false);
  return (
    <article className="question" data-message={message.id}>
      <h2 className="visually-hidden">{words.you}</h2>
      {editing ? (
        <EditBox message={message} ask={ask} onClose={() => setEditing(false)} />
      ) : (
        <>
          <div className="question-actions">
            <BranchArrows number={number} message={message} />
            <CopyButton text={message.content} />
            <IconButton icon="pencil" label={words.edit} disabled={!canEdit} onClick={() => setEditing(true)} />
          </div>
          <Bubble id={message.id} content={message.content} />
        </>
      )}
    </article>
  );
});

function EditBox({ message, ask, onClose }: { message: MessageResource; ask: Ask; onClose(): void }) {
  const [text, setText] = useState(message.content);
  const field = useRef<HTMLTextAreaElement>(null);
  const { attempt, go } = useAttempt((input: string, key) => ask.edit(message, input, key));
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(message.content.length, message.content.length);
  }, [message.content.length]);
  async function submit(): Promise<void> {
    if (text.trim() !== '' && attempt.kind !== 'busy' && (await go(text.trim()))) onClose();
  }
  return (
    <form
      className="edit-box"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <textarea
        ref={field}
        value={text}
        dir="auto"
        aria-label={words.inOtherWords}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            void submit();
          } else if (event.key === 'Escape') {
            event.stopPropagation();
            onClose();
          }
        }}
      />
      {attempt.kind === 'failed' && <p className="outcome outcome-error">{attempt.words}</p>}
      <div className="edit-actions">
        <Button onClick={onClose}>{common.cancel}</Button>
        <Button tone="primary" type="submit" disabled={text.trim() === '' || attempt.kind === 'busy'}>
          {attempt.kind === 'failed' ? common.tryAgain : words.askAgain}
        </Button>
      </div>
    </form>
  );
}
