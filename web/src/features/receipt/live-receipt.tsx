import { useEffect, useState } from 'react';
import type { AnswerState } from '../../../../client/answer-state.ts';
import { durationInWords, waitingInWords } from '../../data/in-words.ts';
import { ReceiptBar } from './receipt-bar.tsx';
import { partsOfLive } from './receipt-parts.ts';

const TICK_MS = 200;
/** Attempts in a row that found nobody: more than a connection is lost. */
const SILENT_AFTER = 3;

/** Grows while the answer is made, and says what is going on. */
export function LiveReceipt({ answer }: { answer: AnswerState }) {
  const [now, setNow] = useState(() => Date.now());
  const running = answer.phase.kind !== 'ended';
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  return (
    <div className="receipt">
      <span className="receipt-summary">
        <ReceiptBar parts={partsOfLive(answer, Math.max(now, answer.marks.firstToken ?? 0))} />
        <span>{liveInWords(answer, now)}</span>
      </span>
    </div>
  );
}

function liveInWords({ phase, marks, takeovers, resumed }: AnswerState, now: number): string {
  const first =
    marks.firstToken === null || marks.joinedLate
      ? ''
      : ` · first word ${durationInWords(marks.firstToken - marks.accepted)}`;
  const turn = takeovers > 0 ? ' · another process took over' : resumed > 0 ? ' · picked up where it left off' : '';
  switch (phase.kind) {
    case 'waiting':
      return waitingInWords(
        phase.position,
        // Counted down from when the server said it.
        phase.estimateSeconds && phase.estimateSeconds - (now - phase.told) / 1000,
      );
    case 'reading':
      return `Reading${turn}`;
    case 'reasoning':
      return `Thinking${turn}`;
    case 'writing':
      return `Writing${turn || first}`;
    case 'reconnecting':
      return phase.online
        ? phase.attempt > SILENT_AFTER
          ? 'The server does not answer; it may be restarting. What is written is kept, and goes on from here.'
          : 'Connection lost, trying again. The answer goes on meanwhile.'
        : 'Offline. The answer goes on, and will be here when you are back.';
    case 'ended':
      return 'Done';
  }
}
