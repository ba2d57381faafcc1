import {
  type FocusEvent,
  memo,
  type Ref,
  type RefObject,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { useComparing } from '../../data/comparisons.ts';
import type { Ask } from '../../data/use-ask.ts';
import { AssistantMessage } from './assistant-message.tsx';
import { SideBySide } from './side-by-side.tsx';
import { usePrinting } from './use-printing.ts';
import { useTail } from './use-tail.ts';
import { UserMessage } from './user-message.tsx';

export type MessageListHandle = {
  /** Brings a message to `offset` pixels below the upper edge, whether it is in the document or not. */
  scrollTo(id: string, offset: number): void;
};

type MessageListProps = {
  ref: Ref<MessageListHandle>;
  scroller: RefObject<HTMLElement | null>;
  number: number;
  messages: readonly MessageResource[];
  ask: Ask;
  answering: boolean;
  /** To be marked for a moment. */
  found: string | null;
};

/** Calls back before the next frame, when the list has taken hold of its scroller. */
export const afterMeasuring = queueMicrotask;

/** Rows are drawn and measured this far out of view, so that they are whole when they come into it. */
const BUFFER_PX = 800;

/**
 * Of a long conversation only what is in view is in the document; its newest messages always are: an answer that
 * grows then moves what scrolls in the same frame.
 */
export const MessageList = memo(function MessageList({ ref, scroller, messages, ...row }: MessageListProps) {
  const virtualizer = useRef<VirtualizerHandle>(null);
  const tail = useTail(messages);
  const start = usePrinting() ? 0 : tail;
  const older = messages.slice(0, start);
  const [focused, setFocused] = useState<string | null>(null);
  const focusedAt = older.findIndex(({ id }) => id === focused);
  const shift = useShift(older);

  useImperativeHandle(ref, () => ({
    scrollTo(id, offset) {
      const index = older.findIndex((message) => message.id === id);
      if (index >= 0) return virtualizer.current?.scrollToIndex(index, { align: 'start', offset: -offset });
      const element = scroller.current;
      const message = element?.querySelector(`[data-message="${CSS.escape(id)}"]`);
      if (!element || !message) return;
      element.scrollTop += message.getBoundingClientRect().top - element.getBoundingClientRect().top - offset;
    },
  }));

  const onFocus = (event: FocusEvent): void =>
    setFocused((event.target as Element).closest<HTMLElement>('[data-message]')?.dataset.message ?? null);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only takes note of what bubbles up.
    <div onFocus={onFocus}>
      <Virtualizer
        ref={virtualizer}
        scrollRef={scroller}
        data={older}
        shift={shift}
        bufferSize={BUFFER_PX}
        itemSize={ROW_PX}
        startMargin={START_PX}
        // The focus is never lost by scrolling.
        keepMounted={focusedAt < 0 ? NONE : [focusedAt]}
      >
        {(message) => <Row key={message.id} message={message} last={false} {...row} />}
      </Virtualizer>
      {messages.slice(start).map((message, index) => (
        <Row key={message.id} message={message} last={start + index === messages.length - 1} {...row} />
      ))}
    </div>
  );
});

/** A guess at what was not drawn yet. Left to the list it changes with the first rows, and moves what is read. */
const ROW_PX = 110;
/** The padding above it, in the style sheet. */
const START_PX = 12;
const NONE: readonly number[] = [];

/** Whether messages were just put before the ones that are here, or taken away there: what is read then stays in place. */
function useShift(older: readonly MessageResource[]): boolean {
  const before = useRef(older);
  const holds = (list: typeof older, message: MessageResource | undefined): boolean =>
    list.some(({ id }) => id === message?.id);
  const shift =
    older[0]?.id !== before.current[0]?.id && (holds(older, before.current[0]) || holds(before.current, older[0]));
  useLayoutEffect(() => {
    before.current = older;
  });
  return shift;
}

type RowProps = Pick<MessageListProps, 'number' | 'ask' | 'answering' | 'found'> & {
  message: MessageResource;
  last: boolean;
};

function Row({ number, message, ask, answering, found, last }: RowProps) {
  const comparing = useComparing(last ? message.parent_id : null) && message.siblings.length > 1;
  return (
    <div className={`row row-${message.role}${found === message.id ? ' row-found' : ''}`}>
      {message.role === 'user' ? (
        <UserMessage number={number} message={message} ask={ask} canEdit={!answering} />
      ) : comparing ? (
        <SideBySide number={number} message={message} ask={ask} />
      ) : (
        <AssistantMessage number={number} message={message} ask={ask} last={last} />
      )}
    </div>
  );
}
