import { memo, type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import type { Ask } from '../../data/use-ask.ts';
import { IconButton } from '../../ui/button.tsx';
import { AssistantMessage } from './assistant-message.tsx';
import { useReadingPosition } from './use-reading-position.ts';
import { isAtEnd, useStickToBottom } from './use-stick-to-bottom.ts';
import { UserMessage } from './user-message.tsx';
import './transcript.css';

type TranscriptProps = {
  number: number;
  messages: readonly MessageResource[];
  ask: Ask;
  answering: boolean;
  hasOlder: boolean;
  onOlder(): void;
  /** A message to bring into view once, from a search or an old branch. */
  target: string | null;
};

export function Transcript({ number, messages, ask, answering, hasOlder, onOlder, target }: TranscriptProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const { atEnd, toEnd, leaveEnd } = useStickToBottom(scroller, content);
  const top = useOlder(scroller, hasOlder, onOlder, messages[0]?.id);

  const newest = messages.at(-1)?.id;
  const isNewRequest = answering ? newest : undefined;
  useLayoutEffect(() => {
    if (isNewRequest !== undefined) toEnd();
  }, [isNewRequest, toEnd]);

  const ready = messages.length > 0;
  useReadingPosition(number, scroller, { ready: ready && target === null, leaveEnd });

  const targetIsHere = target !== null && messages.some((message) => message.id === target);
  useLayoutEffect(() => {
    const element = content.current?.querySelector<HTMLElement>(`[data-message="${CSS.escape(target ?? '')}"]`);
    if (!targetIsHere || !element || !scroller.current) return;
    leaveEnd();
    showFound(element, scroller.current);
    if (isAtEnd(scroller.current)) toEnd();
  }, [target, targetIsHere, leaveEnd, toEnd]);
  useEffect(() => {
    if (target !== null && ready && !targetIsHere && hasOlder) onOlder();
  }, [target, ready, targetIsHere, hasOlder, onOlder]);

  return (
    <div className="transcript-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <div className="transcript" ref={scroller} role="log" aria-live="off" aria-label="Conversation" tabIndex={0}>
        <div className="transcript-column" ref={content}>
          <div ref={top} className="transcript-top" />
          <Messages number={number} messages={messages} ask={ask} answering={answering} />
        </div>
      </div>
      {!atEnd && <IconButton icon="arrowDown" label="To the newest" className="to-end" onClick={toEnd} />}
    </div>
  );
}

type MessagesProps = Pick<TranscriptProps, 'number' | 'messages' | 'ask' | 'answering'>;

const Messages = memo(function Messages({ number, messages, ask, answering }: MessagesProps) {
  return messages.map((message, index) =>
    message.role === 'user' ? (
      <UserMessage key={message.id} number={number} message={message} ask={ask} canEdit={!answering} />
    ) : (
      <AssistantMessage
        key={message.id}
        number={number}
        message={message}
        ask={ask}
        last={index === messages.length - 1}
      />
    ),
  );
});

/** What was out of view comes to the middle, and is marked for a moment so that the eye finds it. */
function showFound(message: HTMLElement, scroller: HTMLElement): void {
  const view = scroller.getBoundingClientRect();
  const { top, bottom } = message.getBoundingClientRect();
  if (top >= view.top && bottom <= view.bottom) return;
  message.scrollIntoView({ block: bottom - top > view.height ? 'start' : 'center' });
  message.classList.add('found');
  message.addEventListener('animationend', () => message.classList.remove('found'), { once: true });
}

/** Asks for older messages near the top, and keeps what is being read where it is when they come. */
function useOlder(
  scroller: RefObject<HTMLElement | null>,
  hasOlder: boolean,
  onOlder: () => void,
  oldest: string | undefined,
): RefObject<HTMLDivElement | null> {
  const top = useRef<HTMLDivElement>(null);
  const fromEnd = useRef<number | null>(null);
  useEffect(() => {
    const element = scroller.current;
    const sentinel = top.current;
    if (!element || !sentinel || !hasOlder) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        fromEnd.current = element.scrollHeight - element.scrollTop;
        onOlder();
      },
      { root: element, rootMargin: '600px 0px 0px 0px' },
    );
    observer.observe(sentinel);
    return () => observer.disconnect();
  }, [scroller, hasOlder, onOlder]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs exactly when older messages were put in.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && fromEnd.current !== null) element.scrollTop = element.scrollHeight - fromEnd.current;
    fromEnd.current = null;
  }, [oldest, scroller]);
  return top;
}
