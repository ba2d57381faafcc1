import type { ValueType } from './value-types.ts';

/** One shard: its primary, standbys that may serve reads, and its share of new users. */
export type ShardAddress = { primary: string; replicas: readonly string[]; weight: number };

const HEAVIEST = 1000;

/** Shards by commas or spaces; within one, replicas after `|`, and `;weight=2` at its end. */
export const shards: ValueType<readonly ShardAddress[]> = {
  expected:
    'postgresql:// addresses separated by commas, each with replicas after | and possibly ;weight=1 to 1000 at its end',
  parse(text) {
    const parsed = text.split(/[\s,]+(?=postgres(?:ql)?:\/\/)/).map((part) => shard(part.trim()));
    return parsed.every((each) => each !== undefined) ? parsed : undefined;
  },
};

function shard(text: string): ShardAddress | undefined {
  const [, addresses = '', weightText = '1'] = /^(.*?)(?:;weight=(\d{1,4}))?$/s.exec(text) ?? [];
  const [primary, ...replicas] = addresses.split('|').map((address) => database.parse(address.trim()));
  const weight = Number(weightText);
  if (primary === undefined || !replicas.every((each) => each !== undefined)) return undefined;
  return weight >= 1 && weight <= HEAVIEST ? { primary, replicas, weight } : undefined;
}

export const database: ValueType<string> = {
  expected: 'a postgresql:// address',
  parse: (text) => (/^postgres(?:ql)?:\/\/[^\s,|;]+$/.test(text) && URL.canParse(text) ? text : undefined),
};

export const broker: ValueType<string> = {
  expected: 'an amqp:// or amqps:// address; several hosts by commas, as in amqp://user:password@a:5672,b:5672/vhost',
  parse(text) {
    const addresses = text.split(/,(?=amqps?:\/\/)/).map((part) => part.trim());
    return addresses.every((part) => /^amqps?:\/\/(?:[^@/\s]*@)?[^@/?\s,]+(?:,[^@/?\s,]+)*(?:[/?]\S*)?$/.test(part))
      ? text
      : undefined;
  },
};

const HOST = String.raw`(?:\[[0-9A-Fa-f:.]+\]|[^\s,:/?#@[\]]+)(?::\d{1,5})?`;
const HOSTS = `${HOST}(?:,${HOST})*`;
const LOGIN = String.raw`(?:[^\s@/]*@)?`;
const REDIS_FORMS = [
  new RegExp(String.raw`^rediss?://${LOGIN}${HOST}(?:/\d{0,4})?$`),
  new RegExp(String.raw`^rediss?\+sentinel://${LOGIN}${HOSTS}/[^\s/?#]+(?:/\d{1,4})?$`),
  new RegExp(String.raw`^rediss?\+cluster://${LOGIN}${HOSTS}/?$`),
];

export const redis: ValueType<string> = {
  expected:
    'redis://host:port/database, redis+sentinel://host:port,host:port/master or redis+cluster://host:port,host:port (rediss for TLS)',
  parse: (text) => (REDIS_FORMS.some((form) => form.test(text)) ? text.replace(/(cluster:.*)\/$/, '$1') : undefined),
};
