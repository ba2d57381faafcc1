import type { Degradation, FinishReason, GenerationState } from '../../../../src/protocol/generation.ts';
import { failureInWords } from '../../data/in-words.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';

type AnswerOutcomeProps = {
  state: GenerationState;
  hasText: boolean;
  finishReason: FinishReason | null;
  error: { code: string; message: string } | null;
  trimmed: number;
  degraded: readonly Degradation[];
  busy: boolean;
  onRetry(): void;
  /** Null where something follows already. */
  onGoOn: (() => void) | null;
};

/** How an answer ended, where that is not simply well: what happened, what was kept, one button. */
export function AnswerOutcome(props: AnswerOutcomeProps) {
  const { state, hasText, finishReason, error, trimmed, degraded, busy, onRetry, onGoOn } = props;
  if (state === 'failed' || state === 'interrupted') {
    const first = error ? failureInWords(error) : state === 'failed' ? words.noAnswer : words.brokeOff;
    const second = hasText ? words.whatIsWrittenKept : words.messageKept;
    return (
      <div className="outcome outcome-bad">
        <Icon name="alert" />
        <p>{common.sentences({ first, second })}</p>
        <Button onClick={onRetry} disabled={busy}>
          {common.tryAgain}
        </Button>
      </div>
    );
  }
  const notes: string[] = [];
  if (state === 'cancelled') notes.push(hasText ? words.stoppedKept : words.stoppedEarly);
  for (const { what, to } of degraded) {
    notes.push(what === 'model' ? words.lighterModel({ model: to }) : words.shorterMemory);
  }
  if (trimmed > 0) notes.push(words.notRead({ count: trimmed }));
  return (
    <>
      {finishReason === 'length' && (
        <div className="outcome outcome-length">
          <p>{words.endsForLength}</p>
          {onGoOn && (
            <Button onClick={onGoOn} disabled={busy}>
              {words.goOn}
            </Button>
          )}
        </div>
      )}
      {notes.map((note) => (
        <p key={note} className="outcome">
          {note}
        </p>
      ))}
    </>
  );
}
