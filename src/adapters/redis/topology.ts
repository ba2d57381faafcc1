import { SLOTS } from './hash-slot.ts';
import { type NodeSettings, newClient } from './redis-node.ts';
import { type Address, formatAddress, type RedisTarget } from './redis-url.ts';

/** Who takes writes now. `slots`: of a cluster's 16384, the address of each; null where one server has all. */
export type Topology = { masters: readonly Address[]; slots: readonly (Address | undefined)[] | null };

/** Asks one after the other until one knows. `known`: cluster nodes learned before, beside those configured. */
export async function discover(
  target: RedisTarget,
  settings: NodeSettings,
  known: readonly Address[],
): Promise<Topology> {
  if (target.kind === 'single') return { masters: target.servers, slots: null };
  const failures: unknown[] = [];
  for (const address of [...known, ...target.servers]) {
    try {
      return target.kind === 'sentinel'
        ? await askSentinel(address, target.master, settings)
        : await askClusterNode(address, settings);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, `no ${target.kind === 'sentinel' ? 'sentinel' : 'cluster node'} answers`);
}

async function askSentinel(sentinel: Address, master: string, settings: NodeSettings): Promise<Topology> {
  const asked = { ...settings, credentials: {}, database: 0 };
  const reply = await ask(sentinel, asked, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]);
  if (!isPair(reply)) throw new Error(`sentinel ${formatAddress(sentinel)} knows no master ${master}`);
  return { masters: [{ host: reply[0], port: Number(reply[1]) }], slots: null };
}

function isPair(reply: unknown): reply is [string, string] {
  return Array.isArray(reply) && typeof reply[0] === 'string' && reply[0] !== '' && typeof reply[1] === 'string';
}

type SlotRange = [from: number, to: number, master: [host: string | null, port: number]];

async function askClusterNode(address: Address, settings: NodeSettings): Promise<Topology> {
  const ranges = (await ask(address, settings, ['CLUSTER', 'SLOTS'])) as SlotRange[];
  const masters = new Map<string, Address>();
  const slots: (Address | undefined)[] = new Array(SLOTS).fill(undefined);
  for (const [from, to, [host, port]] of ranges) {
    // A server that does not know its own name leaves it out: it is the one that was asked.
    const named = { host: host || address.host, port };
    const master = masters.get(formatAddress(named)) ?? named;
    masters.set(formatAddress(master), master);
    slots.fill(master, from, to + 1);
  }
  if (masters.size === 0) throw new Error(`cluster node ${formatAddress(address)} knows no slots`);
  return { masters: [...masters.values()], slots };
}

/** On a connection of its own, once: whoever is asked may be gone the next time. */
async function ask(address: Address, settings: NodeSettings, command: string[]): Promise<unknown> {
  const client = newClient(address, settings);
  const limit = AbortSignal.timeout(settings.connectTimeoutMs);
  try {
    return await new Promise((resolve, reject) => {
      client.on('error', reject);
      limit.addEventListener('abort', () => reject(limit.reason));
      client
        .connect()
        .then(() => client.sendCommand(command))
        .then(resolve, reject);
    });
  } finally {
    client.destroy();
  }
}
