import { queryOptions } from '@tanstack/react-query';
import { createModelsApi } from '../../../../client/models-api.ts';
import type { LocalModelResource } from '../../../../src/protocol/model-admin.ts';
import { modelsQuery } from '../../data/queries.ts';
import { queryClient } from '../../data/query-client.ts';
import { showToast } from '../../ui/toasts.tsx';
import { words } from './words.ts';

const LOOK_EVERY_MS = 600;

export const models = createModelsApi({ baseUrl: '' });

export const endpointsQuery = queryOptions({
  queryKey: ['endpoints'],
  queryFn: async ({ signal }) => (await models.endpoints({ signal })).items,
  staleTime: 0,
});

export const localModelsQuery = queryOptions({
  queryKey: ['local models'],
  queryFn: ({ signal }) => models.localModels({ signal }),
  staleTime: 0,
});

/** What can be asked has changed. */
export async function modelsChanged(): Promise<void> {
  await Promise.all([
    queryClient.invalidateQueries({ queryKey: modelsQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: endpointsQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: localModelsQuery.queryKey }),
  ]);
}

export const isUnderWay = ({ state }: LocalModelResource): boolean => state === 'downloading' || state === 'checking';

let following = false;

/** Until nothing is under way any more, whether or not anybody looks: what is here then can be chosen. */
export async function followDownloads(): Promise<void> {
  if (following) return;
  following = true;
  try {
    let before: readonly string[] = [];
    do {
      const { items } = await queryClient.fetchQuery(localModelsQuery);
      const arrived = items.filter(({ name, state }) => state === 'ready' && before.includes(name));
      before = items.filter(isUnderWay).map(({ name }) => name);
      if (arrived.length > 0) await queryClient.invalidateQueries({ queryKey: modelsQuery.queryKey });
      for (const { title } of arrived) showToast({ text: words.isReady({ model: title }) });
      if (before.length > 0) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    } while (before.length > 0);
  } catch {
    // The list says so itself, where it is looked at.
  } finally {
    following = false;
  }
}
