import { createContext, useContext } from 'react';
import type { UserApi } from '../../../client/user-api.ts';

export type SignedIn = { user: UserApi; userId: string; workspace: string; operates: boolean };

export const SessionContext = createContext<SignedIn | null>(null);

export function useSession(): SignedIn {
  const session = useContext(SessionContext);
  if (!session) throw new Error('Used outside the session.');
  return session;
}
