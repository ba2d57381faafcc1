import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

const NEAR_PX = 24;

type Stick = {
  atEnd: boolean;
  toEnd(): void;
  /** What is in view stays there, whatever is added. */
  leaveEnd(): void;
};

/**
 * Keeps the end in view while the content grows, until the reader moves up; then nothing moves until they
 * are back at the end. What a person does is read from their gestures; where none is seen (a search in the
 * page, the scrollbar), from a move up while no height changed: rows that are measured move what is read too.
 */
export function useStickToBottom(
  scroller: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
): Stick {
  const stuck = useRef(true);
  const [atEnd, setAtEnd] = useState(true);

  const leaveEnd = useCallback(() => {
    stuck.current = false;
  }, []);

  const toEnd = useCallback(() => {
    stuck.current = true;
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [scroller]);

  useEffect(() => {
    const element = scroller.current;
    const inner = content.current;
    if (!element || !inner) return;
    let last = seen(element);
    const look = (): void => {
      last = seen(element);
      setAtEnd(last.distance < NEAR_PX);
    };
    const onScroll = (): void => {
      const now = seen(element);
      const same = now.height === last.height && now.view <= last.view;
      if (now.top < last.top && same) stuck.current = false;
      else if (now.top > last.top && now.distance < NEAR_PX) stuck.current = true;
      look();
    };
    const resized = new ResizeObserver(() => {
      if (stuck.current) element.scrollTop = element.scrollHeight;
      look();
    });
    resized.observe(inner);
    resized.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    const noLonger = listenForUpward(element, () => {
      if (element.scrollHeight > element.clientHeight) stuck.current = false;
    });
    return () => {
      resized.disconnect();
      element.removeEventListener('scroll', onScroll);
      noLonger();
    };
  }, [scroller, content]);

  return { atEnd, toEnd, leaveEnd };
}

export const isAtEnd = (element: HTMLElement): boolean => seen(element).distance < NEAR_PX;

function seen(element: HTMLElement) {
  const { scrollTop: top, scrollHeight: height, clientHeight: view } = element;
  return { top, height, view, distance: height - view - top };
}

const UPWARD_KEYS = new Set(['ArrowUp', 'PageUp', 'Home']);

/** Before anything has moved: the wheel, a finger, a key, a hand on the scrollbar. */
function listenForUpward(element: HTMLElement, onUpward: () => void): () => void {
  const onWheel = (event: WheelEvent): void => {
    if (event.deltaY < 0) onUpward();
  };
  const onKey = (event: KeyboardEvent): void => {
    if ((event.target as Element).closest('textarea, input')) return;
    if (UPWARD_KEYS.has(event.key) || (event.key === ' ' && event.shiftKey)) onUpward();
  };
  const onPointer = (event: PointerEvent): void => {
    if (event.target === element && (event.offsetX > element.clientWidth || event.offsetX < 0)) onUpward();
  };
  element.addEventListener('wheel', onWheel, { passive: true });
  element.addEventListener('touchmove', onUpward, { passive: true });
  element.addEventListener('keydown', onKey);
  element.addEventListener('pointerdown', onPointer);
  return () => {
    element.removeEventListener('wheel', onWheel);
    element.removeEventListener('touchmove', onUpward);
    element.removeEventListener('keydown', onKey);
    element.removeEventListener('pointerdown', onPointer);
  };
}
