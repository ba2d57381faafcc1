import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** Where machines of a cloud read what they are, and their keys: never a server of models. */
const METADATA: readonly [network: string, bits: number, family: 'ipv4' | 'ipv6'][] = [
  ['169.254.0.0', 16, 'ipv4'],
  ['100.100.100.200', 32, 'ipv4'],
  ['fe80::', 10, 'ipv6'],
  ['fd00:ec2::', 32, 'ipv6'],
  ['64:ff9b::a9fe:0', 112, 'ipv6'],
];
const blocked = new BlockList();
for (const [network, bits, family] of METADATA) blocked.addSubnet(network, bits, family);

/** What people paste with the address. */
const TAIL = /\/(v\d+\/)?(chat\/completions|completions|models|responses)$/;
/** Without a scheme: names of this machine and of its network, and plain numbers. */
const NEAR = /^(localhost|[^./:]+|[\d.]+|\[[\da-f:.]+\])(:\d+)?(\/|$)/i;

/** As it is asked, without a slash at its end; or why it is not. */
export function readEndpointAddress(text: string): { url: string } | { refused: string } {
  const typed = text.trim();
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(typed) ? typed : `${NEAR.test(typed) ? 'http' : 'https'}://${typed}`;
  const url = URL.canParse(whole) ? new URL(whole) : null;
  if (!url || !/^https?:$/.test(url.protocol)) return { refused: 'must be an http:// or https:// address' };
  if (url.username || url.password) return { refused: 'must not hold a name or password; the key has a field' };
  if (url.search || url.hash) return { refused: 'must end with its path' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && isMetadataAddress(host)) return { refused: 'must not be a link-local address' };
  const path = url.pathname
    .replace(/\/+$/, '')
    .replace(TAIL, (_all, version: string | undefined) => (version === undefined ? '' : `/${version.slice(0, -1)}`));
  return { url: url.origin + path };
}

/** An IPv4 address inside an IPv6 one is judged as what it is. */
export function isMetadataAddress(address: string): boolean {
  return blocked.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

export class MetadataAddressError extends Error {}

type Found = (error: Error | null, found: string | LookupAddress[], family?: number) => void;

/** For connections: what is connected to is what was looked at, so that a name cannot mean another address in between. */
export function lookupEndpoint(name: string, options: LookupOptions, found: Found): void {
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error) return found(error, []);
    const [first] = addresses;
    if (!first || addresses.some(({ address }) => isMetadataAddress(address))) {
      return found(new MetadataAddressError('the name leads to a link-local address'), []);
    }
    if (options.all) found(null, addresses);
    else found(null, first.address, first.family);
  });
}
