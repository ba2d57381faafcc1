import type { Degradation, FinishReason, GenerationState } from '../../../../src/protocol/generation.ts';
import { Button } from '../../ui/button.tsx';
import { Icon } from '../../ui/icon.tsx';

type AnswerOutcomeProps = {
  state: GenerationState;
  hasText: boolean;
  finishReason: FinishReason | null;
  error: { message: string } | null;
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
    const kept = hasText ? ' What was written is kept.' : ' Your message is kept.';
    return (
      <div className="outcome outcome-bad">
        <Icon name="alert" />
        <p>
          {error?.message ?? (state === 'failed' ? 'No answer could be made.' : 'The answer broke off.')}
          {kept}
        </p>
        <Button onClick={onRetry} disabled={busy}>
          Try again
        </Button>
      </div>
    );
  }
  const notes: string[] = [];
  if (state === 'cancelled')
    notes.push(hasText ? 'Stopped. What was written is kept.' : 'Stopped before the first word.');
  for (const { what, to } of degraded) {
    notes.push(what === 'model' ? `A lighter model answered: ${to}.` : 'It read a shorter memory of this chat.');
  }
  if (trimmed > 0)
    notes.push(`The oldest ${trimmed === 1 ? 'message' : `${trimmed} messages`} no longer fit and were not read.`);
  return (
    <>
      {finishReason === 'length' && (
        <div className="outcome outcome-length">
          <p>It ends here because the length limit was reached.</p>
          {onGoOn && (
            <Button onClick={onGoOn} disabled={busy}>
              Go on
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
