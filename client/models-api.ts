import type { EndpointResource, LocalModelsResource, TriedEndpointResource } from '../src/protocol/model-admin.ts';
import { createHttp, type HttpOptions } from './http.ts';
import type { CallOptions } from './user-api.ts';

export type EndpointInput = { address: string; key?: string };

/** What the operator of a server adds while it runs. */
export function createModelsApi(options: HttpOptions) {
  const http = createHttp(options);
  const local = (name: string): string => `/local-models/${encodeURIComponent(name)}`;
  return {
    endpoints: (how: CallOptions = {}): Promise<{ items: EndpointResource[] }> =>
      http.json('/endpoints', { signal: how.signal }),
    tryEndpoint: (body: EndpointInput): Promise<TriedEndpointResource> =>
      http.json('/endpoints/try', { method: 'POST', body }),
    addEndpoint: (body: EndpointInput & { models?: readonly string[] }): Promise<EndpointResource> =>
      http.json('/endpoints', { method: 'POST', body }),
    removeEndpoint: (id: string): Promise<void> =>
      http.json(`/endpoints/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    localModels: (how: CallOptions = {}): Promise<LocalModelsResource> =>
      http.json('/local-models', { signal: how.signal }),
    download: (name: string): Promise<LocalModelsResource> =>
      http.json(`${local(name)}/download`, { method: 'POST', body: undefined }),
    stopDownload: (name: string): Promise<void> => http.json(`${local(name)}/download`, { method: 'DELETE' }),
    removeLocalModel: (name: string): Promise<void> => http.json(local(name), { method: 'DELETE' }),
  };
}
