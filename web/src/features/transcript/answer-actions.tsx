import { useQuery } from '@tanstack/react-query';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { changeMessage } from '../../data/message-cache.ts';
import { modelsQuery } from '../../data/queries.ts';
import { useSession } from '../../data/session-context.ts';
import { copyText } from '../../lib/copy-text.ts';
import { downloadText } from '../../lib/download-text.ts';
import { announce } from '../../ui/announcer.tsx';
import { IconButton } from '../../ui/button.tsx';
import { Menu, type MenuEntry } from '../../ui/menu.tsx';
import { common } from '../../ui/words.ts';
import { plainText } from '../markdown/plain-text.ts';
import { BranchArrows } from './branch-arrows.tsx';
import { CopyButton } from './copy-button.tsx';
import { words } from './words.ts';

type AnswerActionsProps = {
  number: number;
  message: MessageResource;
  text: string;
  /** A broken answer has a button of its own for the same. */
  canRepeat: boolean;
  busy: boolean;
  /** Absent: by the ordinary model. */
  onAgain(model?: string): void;
};

export function AnswerActions({ number, message, text, canRepeat, busy, onAgain }: AnswerActionsProps) {
  const models = useQuery(modelsQuery).data ?? [];
  const others = models.filter((model) => model.id !== message.model);
  const same = models.find((model) => model.id === message.model)?.id;
  const entries: MenuEntry[] = [
    ...others.map((model) => ({
      icon: 'refresh' as const,
      label: words.answerWith({ model: model.title }),
      onSelect: () => onAgain(model.id),
    })),
    { icon: 'copy', label: words.copyPlain, onSelect: () => void copyPlain(text) },
    { icon: 'download', label: words.downloadMarkdown, onSelect: () => downloadText('answer.md', `${text}\n`) },
  ];
  return (
    <span className="answer-actions">
      <BranchArrows number={number} message={message} />
      {text && <CopyButton text={text} />}
      {canRepeat && <IconButton icon="refresh" label={words.again} disabled={busy} onClick={() => onAgain(same)} />}
      {text && <Thumbs number={number} message={message} />}
      {text && (
        <Menu
          label={words.more}
          trigger={(props) => <IconButton icon="more" label={words.more} disabled={busy} {...props} />}
          entries={entries}
        />
      )}
    </span>
  );
}

async function copyPlain(markdown: string): Promise<void> {
  announce((await copyText(plainText(markdown))) ? words.copiedPlain : common.notCopied);
}

function Thumbs({ number, message }: { number: number; message: MessageResource }) {
  const { user } = useSession();
  const given = message.feedback?.rating ?? null;
  async function rate(rating: 'up' | 'down'): Promise<void> {
    const next = given === rating ? null : rating;
    changeMessage(number, message.id, { feedback: next && { rating: next } });
    try {
      await user.rate(number, message.id, next);
    } catch {
      changeMessage(number, message.id, { feedback: message.feedback });
      announce(words.ratingNotKept);
    }
  }
  return (
    <>
      <IconButton
        icon="thumbUp"
        label={words.goodAnswer}
        aria-pressed={given === 'up'}
        onClick={() => void rate('up')}
      />
      <IconButton
        icon="thumbDown"
        label={words.badAnswer}
        aria-pressed={given === 'down'}
        onClick={() => void rate('down')}
      />
    </>
  );
}
