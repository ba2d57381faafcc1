import { memo, useEffect, useMemo, useRef } from 'react';
import type { AnswerState } from '../../../../client/answer-state.ts';
import { type GenerationState, isTerminal, type TerminalState } from '../../../../src/protocol/generation.ts';
import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { useLiveAnswer } from '../../data/live-answers.ts';
import type { Ask } from '../../data/use-ask.ts';
import { useAttempt } from '../../data/use-attempt.ts';
import { announce } from '../../ui/announcer.tsx';
import { Markdown } from '../markdown/markdown.tsx';
import { LiveReceipt } from '../receipt/live-receipt.tsx';
import { useReceipt } from '../receipt/receipt.tsx';
import { AnswerActions } from './answer-actions.tsx';
import { AnswerOutcome } from './answer-outcome.tsx';
import { Reasoning } from './reasoning.tsx';
import { words } from './words.ts';

type AssistantMessageProps = {
  number: number;
  message: MessageResource;
  ask: Ask /** Nothing follows it. */;
  last: boolean;
};

type Wish = { kind: 'again'; model?: string | undefined } | { kind: 'goOn' };

/** An answer, stored or still being made; the same elements for both, so that nothing jumps when it ends. */
export const AssistantMessage = memo(function AssistantMessage({ number, message, ask, last }: AssistantMessageProps) {
  const pending = !isTerminal(message.state);
  const acceptedAt = useMemo(() => Math.min(Date.now(), Date.parse(message.created_at)), [message.created_at]);
  const live = useLiveAnswer(message.id, pending, acceptedAt);
  const { attempt, go } = useAttempt((wish: Wish, key) =>
    wish.kind === 'again'
      ? ask.regenerate(message, key, wish.model)
      : ask.send(words.goOnRequest, key, message.model ?? undefined),
  );

  const running = live !== null && live.phase.kind !== 'ended';
  const text = live ? live.text : message.content;
  const reasoning = live ? live.reasoning : message.reasoning;
  const receipt = live ? live.receipt : message.receipt;
  const state = live && receipt ? receipt.state : message.state;
  useSpoken(state, live);
  // A broken answer has a button of its own for the same.
  const broken = state === 'failed' || state === 'interrupted';
  const { summary, panel } = useReceipt(message.id, receipt);
  return (
    <article className="answer" data-message={message.id} data-state={state}>
      <h2 className="visually-hidden">{words.answer}</h2>
      <Reasoning id={message.id} text={reasoning} live={running && live.phase.kind === 'reasoning'} />
      {text && <Markdown text={text} open={running} />}
      {running ? (
        <LiveReceipt answer={live} />
      ) : !pending || receipt ? (
        <>
          <AnswerOutcome
            state={state}
            hasText={text !== ''}
            finishReason={receipt?.finish_reason ?? message.finish_reason}
            error={receipt?.error ?? null}
            trimmed={receipt?.trimmed_messages ?? 0}
            degraded={receipt?.degraded ?? []}
            busy={attempt.kind === 'busy'}
            onRetry={() => void go({ kind: 'again' })}
            onGoOn={last ? () => void go({ kind: 'goOn' }) : null}
          />
          {attempt.kind === 'failed' && <p className="outcome outcome-error">{attempt.words}</p>}
          <div className="answer-foot">
            {summary}
            <AnswerActions
              number={number}
              message={message}
              text={text}
              canRepeat={!broken}
              busy={attempt.kind === 'busy'}
              onAgain={(model) => void go({ kind: 'again', model })}
            />
          </div>
          {panel}
        </>
      ) : (
        <div className="receipt" />
      )}
    </article>
  );
});

const SPOKEN = { waiting: 'waiting', writing: 'writing', reconnecting: 'connectionLost' } as const satisfies Partial<
  Record<AnswerState['phase']['kind'], keyof typeof words>
>;

const SPOKEN_END = {
  done: 'answerIsHere',
  cancelled: 'stopped',
  failed: 'failed',
  interrupted: 'brokeOff',
} as const satisfies Record<TerminalState, keyof typeof words>;

function spokenWords(state: GenerationState, live: AnswerState | null): string | null {
  if (isTerminal(state)) return words[SPOKEN_END[state]];
  const phase = live?.phase.kind;
  return phase && phase in SPOKEN ? words[SPOKEN[phase as keyof typeof SPOKEN]] : null;
}

/** Turns of an answer that was made while we looked, each said once. A quick one may be stored before its stream is read. */
function useSpoken(state: GenerationState, live: AnswerState | null): void {
  const seenMaking = useRef(false);
  const said = useRef<string | null>(null);
  const spoken = spokenWords(state, live);
  useEffect(() => {
    seenMaking.current ||= !isTerminal(state);
    if (!spoken || !seenMaking.current || spoken === said.current) return;
    said.current = spoken;
    announce(spoken);
  }, [spoken, state]);
}
