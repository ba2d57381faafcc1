import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import { client } from '../../data/client.ts';
import { SessionContext } from '../../data/session-context.ts';
import { sessionQuery } from '../../data/session-query.ts';
import { Button } from '../../ui/button.tsx';
import { common } from '../../ui/words.ts';
import { words } from './words.ts';
import './session.css';

const SignIn = lazy(async () => ({ default: (await import('./sign-in.tsx')).SignIn }));

/** The page behind it knows who it speaks for. */
export function SessionGate({ children }: { children: ReactNode }) {
  const { data, error, refetch, isFetching } = useQuery(sessionQuery);
  const session = useMemo(
    () =>
      data && {
        user: client.user(data.user_id),
        userId: data.user_id,
        workspace: data.workspace,
        operates: data.operates && !data.offline,
        signedIn: data.signed_in,
        offline: data.offline,
      },
    [data],
  );
  if (error instanceof ApiError && error.status === 401) {
    return (
      <Suspense>
        <SignIn />
      </Suspense>
    );
  }
  if (session) return <SessionContext value={session}>{children}</SessionContext>;
  if (!error) return null;
  return (
    <main className="session-card">
      <h1>{words.unreachable}</h1>
      <p>{words.mayBeStarting}</p>
      <Button onClick={() => void refetch()} disabled={isFetching}>
        {common.tryAgain}
      </Button>
    </main>
  );
}
