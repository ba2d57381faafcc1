import { createContext, useContext } from 'react';
import type { UserApi } from '../../../client/user-api.ts';

export type SignedIn = {
  user: UserApi;
  userId: string;
  workspace: string;
  operates: boolean;
  /** Came by a key, and may go. */
  signedIn: boolean;
  /** The server is not there: what is shown was kept. */
  offline: boolean;
};

export const SessionContext = createContext<SignedIn | null>(null);

export function useSession(): SignedIn {
  const session = useContext(SessionContext);
  if (!session) throw new Error('Used outside the session.');
  return session;
}
