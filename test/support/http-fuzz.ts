import type { TSchema } from 'typebox';
import { errorsOf, type Route } from '../../src/http/route.ts';
import { ERRORS, type ErrorCode } from '../../src/protocol/errors.ts';
import { openAiStatus } from '../../src/protocol/openai-errors.ts';
import { codeOf } from './access-matrix.ts';
import { call, type Reply } from './http-client.ts';

/** Values that no field takes, whatever its type: none may do more harm than a 4xx. */
const WRONG: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  1e308,
  2 ** 60,
  '',
  'x',
  '\u0000',
  '\ud800',
  '../../etc/passwd',
  "'; DROP TABLE users; --",
  'x'.repeat(40_000),
  [],
  {},
  [[[[[]]]]],
  { $ne: null },
  { toString: 1, valueOf: null },
  { length: 1e9 },
  [null, 1, 'x', {}],
];

const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

/** Whole bodies that are not what any route takes. */
const BODIES: readonly (string | Uint8Array)[] = [
  '{',
  'null',
  '[]',
  '0',
  '"text"',
  '\ufeff{}',
  '{"a":1,}',
  "{'a':1}",
  'undefined',
  'NaN',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"x":1}}}',
  deep('[', ']', 50_000),
  `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  `{"user_id":${deep('[', ']', 20_000)}}`,
  `{"user_id":"fuzz","message":"say x","extra":${deep('[', ']', 50_000)}}`,
  'x'.repeat(300_000),
  `{"message":"${'x'.repeat(300_000)}"}`,
  Uint8Array.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
  Uint8Array.from([0xff, 0xfe, 0x00]),
  Uint8Array.from([0x1f, 0x8b, 0x08, 0x00]),
];

const TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  ';;;',
  'application/json, text/plain',
  'x'.repeat(2000),
];

const HEADERS: readonly Record<string, string>[] = [
  { 'idempotency-key': 'x'.repeat(5000) },
  { 'idempotency-key': '\u00ff' },
  { 'last-event-id': '9'.repeat(3000) },
  { 'last-event-id': '1-1\u00ff' },
  { accept: 'image/png' },
  { 'content-encoding': 'gzip' },
  { 'x-http-method-override': 'DELETE' },
  { cookie: 'chatterbot_session=%%%; =; a' },
  { cookie: `chatterbot_session=${'x'.repeat(4000)}` },
  { range: 'bytes=0-1' },
  { origin: 'http://[::::' },
  { 'x-forwarded-for': 'a'.repeat(1000) },
  { 'if-none-match': '*' },
];

const PATH_VALUES = [
  '0',
  '-1',
  '1e9',
  '99999999999999999999',
  'x',
  '%00',
  '%',
  '%ff',
  '..',
  '%2e%2e%2f',
  "'",
  'x'.repeat(700),
  '%F0%9F%98%80',
  'null',
  '[object Object]',
];

const IDS = {
  user_id: 'fuzz',
  number: '1',
  id: '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
  model: 'scripted',
  correlation_id: '01978f2e-6c1a-7d44-9b0e-3f5a2c81d6e7',
};

export type Shot = { what: string; route: Route; reply: Reply };

/** Fires everything at one route; each shot is to be judged by {@link complaintAbout}. */
export async function* fuzzRoute(url: string, key: string, route: Route): AsyncGenerator<Shot> {
  const path = pathOf(route, IDS);
  const fire = async (what: string, at: string, options: Parameters<typeof call>[3]): Promise<Shot> => ({
    what: `${route.method} ${at.slice(0, 80)}: ${what}`,
    route,
    reply: await call(url, route.method, at, { key, signal: AbortSignal.timeout(20_000), ...options }),
  });
  if (route.method !== 'GET') {
    for (const body of BODIES) yield await fire(`body ${String(body).slice(0, 40)}`, path, { body });
    for (const type of TYPES)
      yield await fire(`type ${type.slice(0, 40)}`, path, { body: '{}', headers: { 'content-type': type } });
  }
  for (const body of bodiesOf(route)) yield await fire(`body ${JSON.stringify(body)?.slice(0, 80)}`, path, { body });
  for (const name of Object.keys(route.params?.properties ?? {})) {
    for (const value of PATH_VALUES) yield await fire('path', pathOf(route, { ...IDS, [name]: value }), bodyFor(route));
  }
  for (const name of Object.keys(route.query?.properties ?? {})) {
    for (const value of PATH_VALUES) yield await fire('query', `${path}?${name}=${value}`, {});
    yield await fire('query twice', `${path}?${name}=1&${name}=2`, {});
  }
  for (const headers of HEADERS) {
    const [name] = Object.keys(headers);
    try {
      yield await fire(`header ${name}`, path, { ...bodyFor(route), headers });
    } catch (error) {
      if (!/header|content-length/i.test(String((error as { cause?: unknown }).cause ?? error))) throw error;
    }
  }
}

function bodyFor(route: Route): { body?: unknown } {
  return route.body ? { body: route.example.body } : {};
}

/** The example with each field left out, and with each wrong value; and each wrong value alone. */
function* bodiesOf(route: Route): Generator<unknown> {
  if (!route.body) return;
  const fields = fieldsOf(route.body);
  const example = { user_id: 'fuzz', message: 'say x', ...(route.example.body as object) };
  const known = Object.fromEntries(Object.entries(example).filter(([name]) => fields.includes(name)));
  for (const name of fields) {
    const { [name]: _left, ...without } = known as Record<string, unknown>;
    yield without;
    for (const value of WRONG) yield { ...known, [name]: value };
  }
}

/** Of one that takes several forms, those of all. */
function fieldsOf(schema: TSchema): string[] {
  const { properties = {}, anyOf = [] } = schema as { properties?: object; anyOf?: TSchema[] };
  return [...new Set([...Object.keys(properties), ...anyOf.flatMap(fieldsOf)])];
}

function pathOf(route: Route, values: Record<string, string>): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => values[name]!);
}

/** Null where the answer is as it should be: a documented 4xx in the one form, or a success. */
export function complaintAbout({ what, route, reply }: Shot): string | null {
  const { status, text } = reply;
  const say = (trouble: string) => `${what}: ${trouble} (${status} ${text.slice(0, 200)})`;
  if (status in route.responses) return null;
  const code = codeOf(reply);
  if (status >= 500 && !['generation_failed', 'answer_interrupted'].includes(code)) return say('server error');
  if (!(code in ERRORS)) return say('no catalogued code');
  const statusOf = reply.headers.has('x-error-code') ? openAiStatus : (of: ErrorCode) => ERRORS[of].status;
  if (statusOf(code as ErrorCode) !== status) return say('status is not that of the code');
  const ofOtherRoute = code === 'not_found' || code === 'method_not_allowed';
  if (!ofOtherRoute && !(errorsOf(route) as readonly string[]).includes(code))
    return say('code is not documented for the route');
  if (/\bat .*\.ts:\d+|node_modules|SELECT |stack/i.test(text)) return say('tells of its insides');
  return null;
}
