import { isIP } from 'node:net';
import { DEFAULT_WORKSPACE } from '../protocol/local-user.ts';

/** How the text of a setting becomes a value. `expected` is what a person is told when it does not. */
export type ValueType<T> = { expected: string; parse(text: string): T | undefined };

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): ValueType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
  return {
    expected: `a whole number, ${range}`,
    parse(text) {
      if (!/^-?\d{1,15}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

const HOUR_MS = 3_600_000;
export const milliseconds = (min: number, max = HOUR_MS): ValueType<number> => integer(min, max);

/** A duration in seconds, possibly a fraction. */
export function seconds(min: number, max: number): ValueType<number> {
  return {
    expected: `seconds, from ${min} to ${max}`,
    parse(text) {
      if (!/^\d{1,9}(\.\d{1,3})?$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function oneOf<const T extends readonly string[]>(choices: T): ValueType<T[number]> {
  return {
    expected: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((choice) => choice === text.toLowerCase()),
  };
}

export const path: ValueType<string> = {
  expected: 'a path',
  parse: (text) => (text.includes('\0') ? undefined : text),
};

export const host: ValueType<string> = {
  expected: 'a host name or IP address, without scheme and port',
  parse: (text) => (/^[A-Za-z0-9._-]+$/.test(text) || /^[0-9A-Fa-f:.]+(%\w+)?$/.test(text) ? text : undefined),
};

/** Scheme, host and port: what a browser calls an origin. */
export const origin: ValueType<string> = {
  expected: 'an http:// or https:// address without a path',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash || url.pathname !== '/') {
      return undefined;
    }
    return url.origin;
  },
};

/** A base address that paths are added to. */
export const httpUrl: ValueType<string> = {
  expected: 'an http:// or https:// address',
  parse(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url && /^https?:$/.test(url.protocol) && !url.search && !url.hash ? text.replace(/\/+$/, '') : undefined;
  },
};

/** `127.0.0.1`, `10.0.0.0/8`, `::1`, by commas. */
export const networks: ValueType<readonly string[]> = {
  expected: 'IP addresses or networks (10.0.0.0/8), separated by commas',
  parse(text) {
    const parts = text.split(',').map((part) => part.trim());
    const isNetwork = (part: string) => {
      const [address = '', bits = '0', ...rest] = part.split('/');
      return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= 128;
    };
    return parts.every(isNetwork) ? parts : undefined;
  },
};

/** Sent in a header. */
export const secret: ValueType<string> = {
  expected: 'printable characters without spaces',
  parse: (text) => (/^[\x21-\x7e]{1,1000}$/.test(text) ? text : undefined),
};

export type ModelChoice =
  | { kind: 'path'; path: string }
  | { kind: 'url'; url: string }
  | { kind: 'catalogue'; name: string };

/** What looks like a file is one: a separator in it, or the ending `.gguf`. */
export const model: ValueType<ModelChoice> = {
  expected: 'a path to a .gguf file, an http(s) URL, or a name from the catalogue',
  parse(text) {
    if (/^https?:\/\//i.test(text)) return URL.canParse(text) ? { kind: 'url', url: text } : undefined;
    if (/[\\/]|\.gguf$/i.test(text)) return { kind: 'path', path: text };
    return /^[\w.:-]+$/.test(text) ? { kind: 'catalogue', name: text } : undefined;
  },
};

export type ApiKey = { workspace: string; key: string };

export const apiKeys: ValueType<readonly ApiKey[]> = {
  expected:
    'keys separated by commas, each `key` or `workspace:key`; a workspace is a-z, 0-9 and -, a key is letters, digits and - _ . ~ + / =',
  parse(text) {
    const keys: ApiKey[] = [];
    for (const entry of text.split(',').map((part) => part.trim())) {
      const match = /^(?:([a-z0-9][a-z0-9-]{0,62}):)?([\w.~+/=-]{1,200})$/.exec(entry);
      if (!match) return undefined;
      keys.push({ workspace: match[1] ?? DEFAULT_WORKSPACE, key: match[2]! });
    }
    return keys;
  },
};
