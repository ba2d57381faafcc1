/** Servers that speak the OpenAI API, added by whoever operates this one. Kept; their models can be asked at once. */
export interface Endpoints {
  /** In the order in which they were added. */
  list(): Promise<readonly EndpointState[]>;

  /** Asks once, and keeps nothing. Throws ChatError, which says what is wrong with the address, the key or the server. */
  try(at: EndpointAddress, signal: AbortSignal): Promise<TriedEndpoint>;

  /** As {@link try}, then kept with `models`; absent: with all that it names. Throws ChatError. */
  add(at: EndpointAddress, models: readonly string[] | undefined, signal: AbortSignal): Promise<Endpoint>;

  /** Its answers under way end where they are. False: there is none of that id. */
  remove(id: string): Promise<boolean>;
}

/** As a person writes it. `key` null: none is sent. */
export type EndpointAddress = { address: string; key: string | null };

export type Endpoint = {
  id: string;
  /** Where its API begins, without the `/v1` at its end. */
  address: string;
  hasKey: boolean;
  models: readonly EndpointModel[];
  addedAt: number;
};

/** `id`: what it is asked for by here; another than its name there where that was taken. */
export type EndpointModel = { id: string; servedAs: string };

/** `detail`: why it is away. */
export type EndpointState = Endpoint & { isUp: boolean; detail: string | null };

export type TriedEndpoint = { address: string; models: readonly string[]; ms: number };
