import type { ModelResource } from '../../../../src/protocol/resources.ts';
import { useAttempt } from '../../data/use-attempt.ts';
import './empty-chat.css';

type EmptyChatProps = { model: ModelResource | undefined; onAsk(text: string, key: string): Promise<void> };

const SUGGESTIONS = 4;

/** A greeting and what this model can answer well; nothing else. */
export function EmptyChat({ model, onAsk }: EmptyChatProps) {
  const { attempt, go } = useAttempt((text: string, key) => onAsk(text, key));
  const suggestions = model?.suggestions.slice(0, SUGGESTIONS) ?? [];
  return (
    <div className="empty empty-new">
      <h2 dir="auto">{greeting(new Date().getHours())}</h2>
      {suggestions.length > 0 && (
        <ul className="suggestions" aria-label="Suggestions">
          {suggestions.map((text) => (
            <li key={text}>
              <button type="button" dir="auto" disabled={attempt.kind === 'busy'} onClick={() => void go(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
      {attempt.kind === 'failed' && (
        <p className="outcome outcome-error" role="alert">
          Not sent. {attempt.words}
        </p>
      )}
    </div>
  );
}

function greeting(hour: number): string {
  if (hour < 5) return 'Still up? What is on your mind?';
  if (hour < 12) return 'Good morning. What would you like to know?';
  if (hour < 18) return 'Good afternoon. What would you like to know?';
  return 'Good evening. What would you like to know?';
}
