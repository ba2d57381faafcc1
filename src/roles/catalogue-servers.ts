import type { OpenAiHttpInference } from '../adapters/openai-http/inference.ts';
import type { Source } from '../adapters/pool/member.ts';
import type { lookupEndpoint } from '../lib/endpoint-address.ts';
import { connectServer } from './inference-server.ts';

type ServerConfig = Parameters<typeof connectServer>[0];
type Server = Source & { inference: OpenAiHttpInference };

/** The servers of a catalogue. Models that one has share its connections. */
export class CatalogueServers implements AsyncDisposable {
  readonly #open = new Map<string, Server>();
  readonly #leaving = new Set<Server>();

  /** `lookup`: refuses names that lead where nobody should be led. */
  connect(config: ServerConfig, lookup?: typeof lookupEndpoint): Server {
    const { kind, url, apiKey, api, sendsPriority } = config;
    const key = JSON.stringify([kind, url, apiKey, api, sendsPriority]);
    const server = this.#open.get(key) ?? {
      name: new URL(url).host,
      inference: connectServer(config, lookup),
    };
    this.#open.set(key, server);
    return server;
  }

  /** The others are left as soon as their last answers have ended. */
  keep(used: ReadonlySet<Source>): void {
    for (const [key, server] of this.#open) {
      if (used.has(server)) continue;
      this.#open.delete(key);
      this.#leaving.add(server);
      void server.inference.close().finally(() => this.#leaving.delete(server));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values(), ...this.#leaving];
    await Promise.all(all.map(({ inference }) => inference[Symbol.asyncDispose]()));
  }
}
