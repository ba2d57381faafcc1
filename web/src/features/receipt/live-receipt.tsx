import { useEffect, useState } from 'react';
import type { AnswerState } from '../../../../client/answer-state.ts';
import { durationInWords, waitingInWords } from '../../data/in-words.ts';
import { ReceiptBar } from './receipt-bar.tsx';
import { partsOfLive } from './receipt-parts.ts';
import { words } from './words.ts';

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
      : ` · ${words.firstWord({ time: durationInWords(marks.firstToken - marks.accepted) })}`;
  const turn = takeovers > 0 ? ` · ${words.takingOver}` : resumed > 0 ? ` · ${words.pickedUp}` : '';
  switch (phase.kind) {
    case 'waiting':
      return waitingInWords(
        phase.position,
        // Counted down from when the server said it.
        phase.estimateSeconds && phase.estimateSeconds - (now - phase.told) / 1000,
      );
    case 'reading':
      return words.reading + turn;
    case 'reasoning':
      return words.thinking + turn;
    case 'writing':
      return words.writing + (turn || first);
    case 'reconnecting':
      if (!phase.online) return words.offline;
      return phase.attempt > SILENT_AFTER ? words.serverSilent : words.connectionLost;
    case 'ended':
      return words.done;
  }
}
