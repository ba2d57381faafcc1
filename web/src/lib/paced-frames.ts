/**
 * Frames to draw in, each followed by as long a rest as it took: on a slow processor there are fewer of them, and
 * scrolling and typing have theirs between.
 */
export function createPacedFrames(): (draw: () => void) => void {
  let began = 0;
  let restsUntil = 0;
  const painted = new MessageChannel();
  painted.port1.onmessage = () => {
    const now = performance.now();
    restsUntil = now + (now - began);
  };
  return (draw) => {
    const onFrame = (): void => {
      began = performance.now();
      if (began < restsUntil) {
        requestAnimationFrame(onFrame);
        return;
      }
      draw();
      painted.port2.postMessage(null);
    };
    requestAnimationFrame(onFrame);
  };
}
