import { useCopied } from '../../lib/use-copied.ts';
import { IconButton } from '../../ui/button.tsx';
import { common } from '../../ui/words.ts';

export function CopyButton({ text }: { text: string }) {
  const [copied, copy] = useCopied();
  return (
    <IconButton
      icon={copied ? 'check' : 'copy'}
      label={copied ? common.copied : common.copy}
      onClick={() => copy(text)}
    />
  );
}
