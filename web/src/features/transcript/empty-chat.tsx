import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { useNextChat } from '../../data/next-chat.ts';
import { useAttempt } from '../../data/use-attempt.ts';
import { common } from '../../ui/words.ts';
import { AssistantGreeting } from './assistant-greeting.tsx';
import { AssistantRow } from './assistant-row.tsx';
import { words } from './words.ts';
import './empty-chat.css';

type EmptyChatProps = { model: ModelResource | undefined; onAsk(text: string, key: string): Promise<void> };

const SUGGESTIONS = 4;

/** A greeting, what this model can answer well, and the person's own assistants. */
export function EmptyChat({ model, onAsk }: EmptyChatProps) {
  const { attempt, go } = useAttempt((text: string, key) => onAsk(text, key));
  const { assistant } = useNextChat();
  // What the model answers well may not be what the assistant is for.
  const suggestions = assistant ? [] : (model?.suggestions.slice(0, SUGGESTIONS) ?? []);
  return (
    <div className="empty empty-new">
      {assistant ? <AssistantGreeting assistant={assistant} /> : <h2 dir="auto">{greeting(new Date().getHours())}</h2>}
      {suggestions.length > 0 && (
        <ul className="suggestions" aria-label={words.suggestions}>
          {suggestions.map((text) => (
            <li key={text}>
              <button type="button" dir="auto" disabled={attempt.kind === 'busy'} onClick={() => void go(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
      {!assistant && <AssistantRow />}
      {attempt.kind === 'failed' && (
        <p className="outcome outcome-error" role="alert">
          {common.notSent({ why: attempt.words })}
        </p>
      )}
    </div>
  );
}

function greeting(hour: number): string {
  if (hour < 5) return words.night;
  if (hour < 12) return words.morning;
  if (hour < 18) return words.afternoon;
  return words.evening;
}
