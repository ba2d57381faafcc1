import { useCopied } from '../../lib/use-copied.ts';
import { IconButton } from '../../ui/button.tsx';

export function CopyButton({ text }: { text: string }) {
  const [copied, copy] = useCopied();
  return <IconButton icon={copied ? 'check' : 'copy'} label={copied ? 'Copied' : 'Copy'} onClick={() => copy(text)} />;
}
