import type { EndpointState } from '../ports/endpoints.ts';
import type { LocalModel, Machine } from '../ports/local-models.ts';
import { ERRORS } from '../protocol/errors.ts';
import type { EndpointResource, LocalModelResource, LocalModelsResource } from '../protocol/model-admin.ts';

export function endpointResource({ hasKey, models, addedAt, isUp, ...rest }: EndpointState): EndpointResource {
  return {
    ...rest,
    has_key: hasKey,
    models: models.map(({ id, servedAs }) => ({ id, served_as: servedAs })),
    added_at: new Date(addedAt).toISOString(),
    state: isUp ? 'up' : 'down',
  };
}

export function localModelsResource(local: { machine: Machine; models: readonly LocalModel[] }): LocalModelsResource {
  const { memoryBytes, freeDiskBytes } = local.machine;
  return {
    machine: { memory_bytes: memoryBytes, free_disk_bytes: freeDiskBytes },
    items: local.models.map(localModelResource),
  };
}

function localModelResource({ fileBytes, memoryBytes, received, failure, ...rest }: LocalModel): LocalModelResource {
  return {
    ...rest,
    file_bytes: fileBytes,
    memory_bytes: memoryBytes,
    received: received && { bytes: received.bytes, total_bytes: received.totalBytes },
    failure: failure && { code: failure, message: ERRORS[failure].message },
  };
}
