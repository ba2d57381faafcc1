import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EndpointList, type ListedEndpoint } from '../adapters/file/endpoint-list.ts';
import { type Tried, tryEndpoint } from '../adapters/openai-http/try-endpoint.ts';
import { PooledInference } from '../adapters/pool/inference.ts';
import type { EmbeddedConfig } from '../config/config.ts';
import { ExitError } from '../config/exit-codes.ts';
import { PROVIDER_URLS, type Provider } from '../config/models-file-schema.ts';
import { lookupEndpoint, readEndpointAddress } from '../lib/endpoint-address.ts';
import type { Endpoint, EndpointAddress, EndpointState, Endpoints, TriedEndpoint } from '../ports/endpoints.ts';
import type { Inference } from '../ports/inference.ts';
import { ChatError } from '../protocol/errors.ts';
import { endpointsChanged } from '../telemetry/events.ts';
import { CatalogueServers } from './catalogue-servers.ts';
import { describeModel } from './open-catalogue.ts';

const FILE = 'endpoints.json';
const MOST_ENDPOINTS = 20;
const MOST_MODELS = 100;

/** Endpoints that were added while the server runs, and their models as one inference. */
export class AddedEndpoints implements Endpoints, AsyncDisposable {
  readonly inference = new PooledInference({ models: [] });
  readonly #servers = new CatalogueServers();
  readonly #list: EndpointList;
  readonly #terms: EmbeddedConfig['added']['server'];
  /** Ids that others have already. */
  readonly #taken: () => readonly string[];
  #endpoints: readonly ListedEndpoint[] = [];
  /** One change after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(list: EndpointList, terms: EmbeddedConfig['added']['server'], taken: () => readonly string[]) {
    this.#list = list;
    this.#terms = terms;
    this.#taken = taken;
  }

  static async open(config: EmbeddedConfig, others: Inference): Promise<AddedEndpoints> {
    const path = join(config.dataDir, FILE);
    const list = new EndpointList(path);
    const added = new AddedEndpoints(list, config.added.server, () => others.models().map(({ id }) => id));
    try {
      added.#use(await list.read());
    } catch (error) {
      throw new ExitError('storage', `${path} cannot be read (${(error as Error).message}): mend it or move it away`, {
        cause: error,
      });
    }
    return added;
  }

  async list(): Promise<readonly EndpointState[]> {
    return await Promise.all(
      this.#endpoints.map(async (listed) => {
        const { status, detail } = await this.#connect(listed).inference.health();
        return { ...endpointOf(listed), isUp: status === 'up', detail: status === 'up' ? null : detail };
      }),
    );
  }

  async try(at: EndpointAddress, signal: AbortSignal): Promise<TriedEndpoint> {
    const { url, tried } = await tryAt(at, signal);
    return { address: url, models: tried.models, ms: tried.ms };
  }

  async add(at: EndpointAddress, wanted: readonly string[] | undefined, signal: AbortSignal): Promise<Endpoint> {
    const { url, tried } = await tryAt(at, signal);
    const unknown = wanted?.filter((model) => !tried.models.includes(model)) ?? [];
    if (unknown.length > 0) throw new ChatError('endpoint_model_unknown', { details: { models: unknown } });
    const names = (wanted && wanted.length > 0 ? wanted : tried.models).slice(0, MOST_MODELS);
    return await this.#change(async () => {
      const same = this.#endpoints.find(({ address }) => address === url);
      if (same) throw new ChatError('endpoint_exists', { details: { id: same.id } });
      if (this.#endpoints.length >= MOST_ENDPOINTS) {
        throw new ChatError('too_many_items', { details: { limit: MOST_ENDPOINTS } });
      }
      const taken = [...this.#taken(), ...this.inference.models().map(({ id }) => id)];
      const { host } = new URL(url);
      const listed: ListedEndpoint = {
        id: randomUUID(),
        address: url,
        key: at.key,
        api: tried.dialect,
        models: [...new Set(names)].map((name) => ({
          id: taken.includes(name) ? `${name}@${host}` : name,
          served_as: name,
        })),
        added_at: new Date().toISOString(),
      };
      await this.#keep([...this.#endpoints, listed]);
      return endpointOf(listed);
    });
  }

  remove(id: string): Promise<boolean> {
    return this.#change(async () => {
      const left = this.#endpoints.filter((each) => each.id !== id);
      if (left.length === this.#endpoints.length) return false;
      await this.#keep(left);
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changing;
    this.inference[Symbol.dispose]();
    await this.#servers[Symbol.asyncDispose]();
  }

  async #keep(endpoints: readonly ListedEndpoint[]): Promise<void> {
    await this.#list.write(endpoints);
    this.#use(endpoints);
    endpointsChanged({ endpoints: endpoints.map(({ address }) => address) });
  }

  #use(endpoints: readonly ListedEndpoint[]): void {
    this.#endpoints = endpoints;
    const used = endpoints.map((listed) => ({ listed, source: this.#connect(listed) }));
    this.inference.replace(
      used.flatMap(({ listed, source }) =>
        listed.models.map(({ id, served_as }) => ({
          id,
          members: [{ source, servedAs: served_as, weight: 1 }],
          sampling: {},
          describe: (known) => describeModel(modelOf(listed, id, served_as, this.#serverOf(listed)), known),
        })),
      ),
    );
    this.#servers.keep(new Set(used.map(({ source }) => source)));
  }

  #connect(listed: ListedEndpoint) {
    return this.#servers.connect(this.#serverOf(listed), lookupEndpoint);
  }

  #serverOf({ address, key, api }: ListedEndpoint) {
    return { ...this.#terms, kind: kindOf(address), url: address, apiKey: key, api };
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change);
    this.#changing = done.catch(() => {});
    return done;
  }
}

async function tryAt({ address, key }: EndpointAddress, signal: AbortSignal): Promise<{ url: string; tried: Tried }> {
  const read = readEndpointAddress(address);
  if ('refused' in read) throw new ChatError('endpoint_address_refused', { details: { address: read.refused } });
  const kind = kindOf(read.url);
  // Of a provider people know the host; where on it the API is, we know.
  const known = kind && PROVIDER_URLS[kind];
  const url = known && new URL(read.url).pathname === '/' ? known : read.url;
  return { url, tried: await tryEndpoint({ url, apiKey: key, kind }, signal) };
}

const HOSTS: readonly [RegExp, Provider][] = [
  [/(^|\.)openai\.azure\.com$/, 'azure'],
  [/^bedrock-[a-z]+\.[a-z\d-]+\.(amazonaws\.com|api\.aws)$/, 'bedrock'],
];

function kindOf(address: string): Provider | null {
  const { host } = new URL(address);
  const provider = (Object.keys(PROVIDER_URLS) as Provider[]).find((each) => {
    const url = PROVIDER_URLS[each];
    return url !== null && new URL(url).host === host;
  });
  return provider ?? HOSTS.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}

function endpointOf({ id, address, key, models, added_at }: ListedEndpoint): Endpoint {
  return {
    id,
    address,
    hasKey: key !== null,
    models: models.map((model) => ({ id: model.id, servedAs: model.served_as })),
    addedAt: Date.parse(added_at),
  };
}

function modelOf(
  { address }: ListedEndpoint,
  id: string,
  servedAs: string,
  server: Parameters<CatalogueServers['connect']>[0],
): Parameters<typeof describeModel>[0] {
  return {
    name: id,
    title: id,
    description: `Served by ${new URL(address).host}.`,
    contextWindow: null,
    price: null,
    fallback: null,
    workspaces: null,
    capabilities: { continues: null, tools: true, jsonSchema: true, reasoning: false },
    systemPrompt: null,
    sampling: {},
    suggestions: [],
    from: { servedAs, servers: [{ server, weight: 1 }] },
  };
}
