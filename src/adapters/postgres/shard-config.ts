import type { ConnectionOptions } from './pool.ts';

/** One shard as it is given or listed. `replicas`: standbys of the primary, any of which may be promoted. */
export type ShardConfig = {
  name: string;
  primary: ConnectionOptions;
  replicas: readonly ConnectionOptions[];
  /** Its share of new users, beside the weights of the others. */
  weight: number;
};

/** Addresses without names, in the order given: `shard-1` and so on. */
export function nameShards(
  addresses: readonly { primary: string; replicas: readonly string[]; weight: number }[],
): ShardConfig[] {
  return addresses.map(({ primary, replicas, weight }, index) => ({
    name: `shard-${index + 1}`,
    primary: { connectionString: primary },
    replicas: replicas.map((connectionString) => ({ connectionString })),
    weight,
  }));
}

/** Where it is, for people: never with a password. */
export function describeConnection(connection: ConnectionOptions): string {
  if (!('connectionString' in connection)) return `${connection.host}:${connection.port}/${connection.database}`;
  if (!URL.canParse(connection.connectionString)) return 'a database';
  const { hostname, port, pathname, searchParams } = new URL(connection.connectionString);
  return `${searchParams.get('host') ?? hostname}:${searchParams.get('port') ?? (port || '5432')}${pathname}`;
}
