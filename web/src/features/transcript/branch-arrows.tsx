import type { MessageResource } from '../../../../src/protocol/resources.ts';
import { navigate, pathOf } from '../../data/router.ts';
import { IconButton } from '../../ui/button.tsx';
import { words } from './words.ts';

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
    <fieldset className="branch-arrows" aria-label={words.versions}>
      <IconButton
        icon="chevronLeft"
        label={words.previousVersion}
        disabled={index <= 0}
        onClick={() => go(index - 1)}
      />
      <span className="branch-count">{words.versionOf({ count: index + 1, all: siblings.length })}</span>
      <IconButton
        icon="chevronRight"
        label={words.nextVersion}
        disabled={index >= siblings.length - 1}
        onClick={() => go(index + 1)}
      />
    </fieldset>
  );
}
