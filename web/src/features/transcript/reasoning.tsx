import { useKept } from '../../data/use-kept.ts';
import { Icon } from '../../ui/icon.tsx';
import { Markdown } from '../markdown/markdown.tsx';
import { words } from './words.ts';

/** What the model wrote for itself before it answered, folded away. */
export function Reasoning({ id, text, live }: { id: string; text: string; live: boolean }) {
  const [open, setOpen] = useKept(`reasoning ${id}`);
  if (!text) return null;
  return (
    <details className="reasoning" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon name="chevronRight" />
        {live ? words.thinking : words.thought}
      </summary>
      <div className="reasoning-text">
        <Markdown text={text} open={live} />
      </div>
    </details>
  );
}
