import { useRef } from 'react';
import type { LocalModelResource } from '../../../../src/protocol/model-admin.ts';
import { secondsInWords } from '../../data/in-words.ts';
import { sizeInWords } from './sizes.ts';
import { words } from './words.ts';

/** The speed is that of so many milliseconds, and of the second before at least. */
const [LEAST_MS, MOST_MS] = [1000, 8000];

/** How much is here, how fast, and how long still. */
export function DownloadProgress({ model }: { model: LocalModelResource }) {
  const { received, title, state } = model;
  const speed = useSpeed(received?.bytes ?? 0);
  const total = received?.total_bytes ?? null;
  if (state === 'checking' || !received || total === null) {
    return (
      <>
        <progress aria-label={words.progress({ model: title })} />
        <p className="models-facts">{state === 'checking' ? words.checking : words.looking}</p>
      </>
    );
  }
  const parts = [words.bytesOf({ received: sizeInWords(received.bytes), total: sizeInWords(total) })];
  if (speed !== null && speed > 0) {
    parts.push(words.speed({ size: sizeInWords(speed) }));
    parts.push(words.left({ time: secondsInWords((total - received.bytes) / speed) }));
  }
  return (
    <>
      <progress aria-label={words.progress({ model: title })} value={received.bytes} max={total} />
      <p className="models-facts">{parts.join(' · ')}</p>
    </>
  );
}

/** Bytes a second; null while it is too early to say. */
function useSpeed(bytes: number): number | null {
  const seen = useRef<{ bytes: number; at: number }[]>([]);
  const now = performance.now();
  if (seen.current.at(-1)?.bytes !== bytes) {
    seen.current = [...seen.current.filter(({ at }) => now - at < MOST_MS), { bytes, at: now }];
  }
  const first = seen.current[0];
  return first && now - first.at > LEAST_MS ? ((bytes - first.bytes) * 1000) / (now - first.at) : null;
}
