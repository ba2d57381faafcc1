import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { IconButton } from '../../ui/button.tsx';

/** Between versions of the same turn. Each shows the branch that goes through it. */
export function BranchArrows({ number, message }: { number: number; message: MessageResource }) {
  const { siblings, id } = message;
  if (siblings.length < 2) return null;
  const index = siblings.indexOf(id);
  const go = (to: number): void => {
    const sibling = siblings[to];
    if (sibling) navigate(pathOf(number, sibling), 'replace');
  };
  return (
    <fieldset className="branch-arrows" aria-label="Versions">
      <IconButton icon="chevronLeft" label="Previous version" disabled={index <= 0} onClick={() => go(index - 1)} />
      <span className="branch-count">
        {index + 1}/{siblings.length}
      </span>
      <IconButton
        icon="chevronRight"
        label="Next version"
        disabled={index >= siblings.length - 1}
        onClick={() => go(index + 1)}
      />
    </fieldset>
  );
}
