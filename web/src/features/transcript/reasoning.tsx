import { useKept } from '../../data/use-kept.ts';
import { Icon } from '../../ui/icon.tsx';
import { Markdown } from '../markdown/markdown.tsx';

/** What the model wrote for itself before it answered, folded away. */
export function Reasoning({ id, text, live }: { id: string; text: string; live: boolean }) {
  const [open, setOpen] = useKept(`reasoning ${id}`);
  if (!text) return null;
  return (
    <details className="reasoning" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
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
