import { browserConnectivity } from '../../../client/connectivity.ts';
import { createClient } from '../../../client/create-client.ts';

/** The page talks to the server that it came from, with the session's cookie or as its local user. */
export const client = createClient({ baseUrl: '', connectivity: browserConnectivity() });
