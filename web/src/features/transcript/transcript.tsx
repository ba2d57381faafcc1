import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import type { Ask } from '../../data/use-ask.ts';
import { IconButton } from '../../ui/button.tsx';
import { afterMeasuring, MessageList, type MessageListHandle } from './message-list.tsx';
import { useReadingPosition } from './use-reading-position.ts';
import { isAtEnd, useStickToBottom } from './use-stick-to-bottom.ts';
import { words } from './words.ts';
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
  const list = useRef<MessageListHandle>(null);
  const { atEnd, toEnd, leaveEnd } = useStickToBottom(scroller, content);
  const top = useOlder(scroller, hasOlder, onOlder);

  const newest = messages.at(-1)?.id;
  const isNewRequest = answering ? newest : undefined;
  useLayoutEffect(() => {
    if (isNewRequest !== undefined) toEnd();
  }, [isNewRequest, toEnd]);

  const ready = messages.length > 0;
  useReadingPosition(number, scroller, list, { ready: ready && target === null, leaveEnd });

  const targetIsHere = target !== null && messages.some((message) => message.id === target);
  const [found, setFound] = useState<string | null>(null);
  useLayoutEffect(() => {
    if (!targetIsHere) return;
    afterMeasuring(() => {
      const element = scroller.current;
      if (!element || isInView(target, element)) return;
      leaveEnd();
      list.current?.scrollTo(target, element.clientHeight * FOUND_AT);
      setFound(target);
      // One far up comes into view only when the rows there are measured.
      if (isInView(target, element) && isAtEnd(element)) toEnd();
    });
  }, [target, targetIsHere, leaveEnd, toEnd]);
  useEffect(() => {
    if (target !== null && ready && !targetIsHere && hasOlder) onOlder();
  }, [target, ready, targetIsHere, hasOlder, onOlder]);

  // The button goes, and leaves the focus where one reads on.
  function onToEnd(): void {
    toEnd();
    scroller.current?.focus({ preventScroll: true });
  }

  return (
    <div className="transcript-frame">
      <div
        className="transcript"
        ref={scroller}
        role="log"
        aria-live="off"
        aria-label={words.conversation}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
        tabIndex={0}
      >
        <div className="transcript-column" ref={content}>
          <div ref={top} className="transcript-top" />
          {ready && (
            // Were it here before them, it would draw their beginning before their end.
            <MessageList
              ref={list}
              scroller={scroller}
              number={number}
              messages={messages}
              ask={ask}
              answering={answering}
              found={found}
            />
          )}
        </div>
      </div>
      {!atEnd && <IconButton icon="arrowDown" label={words.toNewest} className="to-end" onClick={onToEnd} />}
    </div>
  );
}

/** What was looked for comes to this share of the height, so that what was said before it is seen too. */
const FOUND_AT = 0.2;

function isInView(id: string, scroller: HTMLElement): boolean {
  const message = scroller.querySelector(`[data-message="${CSS.escape(id)}"]`);
  if (!message) return false;
  const view = scroller.getBoundingClientRect();
  const { top, bottom } = message.getBoundingClientRect();
  return top >= view.top && bottom <= view.bottom;
}

/** Asks for older messages near the top. */
function useOlder(
  scroller: RefObject<HTMLElement | null>,
  hasOlder: boolean,
  onOlder: () => void,
): RefObject<HTMLDivElement | null> {
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!top.current || !hasOlder) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) onOlder();
      },
      { root: scroller.current, rootMargin: '600px 0px 0px 0px' },
    );
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [scroller, hasOlder, onOlder]);
  return top;
}
