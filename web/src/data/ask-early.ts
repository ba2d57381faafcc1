import { LOCAL_USER } from '../../../src/protocol/local-user.ts';
import { client } from './client.ts';
import { conversationQuery, messagesQuery, modelsQuery, newestQuery, pinnedQuery } from './queries.ts';
import { queryClient } from './query-client.ts';
import { currentRoute } from './router.ts';
import { sessionQuery } from './session-query.ts';

/**
 * What the first screen is drawn from, asked for at once: nothing waits for the session, or for what is drawn around
 * it. Without a key all of it is refused, and asked for again by whoever shows it.
 */
export function askEarly(): void {
  const user = client.user(LOCAL_USER);
  const { number, through } = currentRoute();
  if (number !== null) {
    void queryClient.prefetchInfiniteQuery(messagesQuery(user, number, through));
    void queryClient.prefetchQuery(conversationQuery(user, number));
  }
  void queryClient.prefetchQuery(sessionQuery);
  void queryClient.prefetchQuery(modelsQuery);
  void queryClient.prefetchQuery(newestQuery(user));
  void queryClient.prefetchQuery(pinnedQuery(user));
}
