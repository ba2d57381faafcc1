import { Icon } from '../../ui/icon.tsx';
import { Markdown } from '../markdown/markdown.tsx';

/** What the model wrote for itself before it answered, folded away. */
export function Reasoning({ text, live }: { text: string; live: boolean }) {
  if (!text) return null;
  return (
    <details className="reasoning">
      <summary>
        <Icon name="chevronRight" />
        {live ? 'Thinking' : 'What the model thought first'}
      </summary>
      <div className="reasoning-text">
        <Markdown text={text} open={live} />
      </div>
    </details>
  );
}
