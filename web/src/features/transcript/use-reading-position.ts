import { type RefObject, useEffect, useLayoutEffect } from 'react';
import { keepReadingPosition, readingPosition } from '../../data/reading-positions.ts';
import { afterMeasuring, type MessageListHandle } from './message-list.tsx';
import { isAtEnd } from './use-stick-to-bottom.ts';

const PAUSE_MS = 150;

/** Where somebody was in a conversation is where they are when they come back to it, or reload. */
export function useReadingPosition(
  number: number,
  scroller: RefObject<HTMLElement | null>,
  list: RefObject<MessageListHandle | null>,
  { ready, leaveEnd }: { ready: boolean; leaveEnd(): void },
): void {
  useLayoutEffect(() => {
    const place = ready ? readingPosition(number) : null;
    if (!place) return;
    leaveEnd();
    afterMeasuring(() => list.current?.scrollTo(place.message, place.offset));
  }, [number, list, ready, leaveEnd]);

  useEffect(() => {
    const element = scroller.current;
    if (!element || !ready) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const keep = (): void => keepReadingPosition(number, placeIn(element));
    const onScroll = (): void => {
      clearTimeout(timer);
      timer = setTimeout(keep, PAUSE_MS);
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      clearTimeout(timer);
      element.removeEventListener('scroll', onScroll);
    };
  }, [number, scroller, ready]);
}

const topOf = (message: Element, scroller: Element): number =>
  message.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

function placeIn(scroller: HTMLElement) {
  if (isAtEnd(scroller)) return null;
  for (const message of scroller.querySelectorAll<HTMLElement>('[data-message]')) {
    const offset = topOf(message, scroller);
    if (offset + message.offsetHeight > 0) return { message: message.dataset.message ?? '', offset };
  }
  return null;
}
