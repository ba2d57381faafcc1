import { type RefObject, useEffect, useLayoutEffect } from 'react';
import { keepReadingPosition, readingPosition } from '../../data/reading-positions.ts';
import { isAtEnd } from './use-stick-to-bottom.ts';

const PAUSE_MS = 150;

/** Where somebody was in a conversation is where they are when they come back to it, or reload. */
export function useReadingPosition(
  number: number,
  scroller: RefObject<HTMLElement | null>,
  { ready, leaveEnd }: { ready: boolean; leaveEnd(): void },
): void {
  useLayoutEffect(() => {
    const element = scroller.current;
    const place = ready ? readingPosition(number) : null;
    const message = place && element?.querySelector(`[data-message="${CSS.escape(place.message)}"]`);
    if (!element || !place || !message) return;
    leaveEnd();
    element.scrollTop += topOf(message, element) - place.offset;
  }, [number, scroller, ready, leaveEnd]);

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
