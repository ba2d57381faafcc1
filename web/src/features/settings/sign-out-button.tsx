import { errorInWords } from '../../data/in-words.ts';
import { useSession } from '../../data/session-context.ts';
import { signOut } from '../../data/sign-out.ts';
import { Button } from '../../ui/button.tsx';
import { showToast } from '../../ui/toasts.tsx';
import { words } from './words.ts';

/** For who came with a key; the person at this machine has nowhere to go. */
export function SignOutButton() {
  const { signedIn } = useSession();
  if (!signedIn) return null;
  const leave = (): void =>
    void signOut().catch((error: unknown) => showToast({ text: errorInWords(error), bad: true }));
  return <Button onClick={leave}>{words.signOut}</Button>;
}
