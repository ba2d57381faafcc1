import type { Reservation, ReserveOutcome, TokenBudgets } from '../../ports/token-budgets.ts';
import type { RedisConnection } from './connection.ts';
import { script } from './script.ts';

/** A settlement that is repeated comes within moments. */
const REMEMBER_SETTLED_MS = 10 * 60_000;
/** Longer than any period. */
const KEEP_MS = 62 * 24 * 60 * 60_000;
const LAPSED_AT_ONCE = 1_000;

/**
 * Keys: per period `used …` and `held …`; of each id what is set aside, as `tokens period …`, or `settled`; when an
 * id lapses or is forgotten.
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ${LAPSED_AT_ONCE})) do
  local tokens, periods = string.match(redis.call('HGET', KEYS[2], id) or '', '^(%d+) (.*)$')
  for period in string.gmatch(periods or '', '%S+') do
    redis.call('HINCRBY', KEYS[1], 'held ' .. period, -tonumber(tokens))
    redis.call('HDEL', KEYS[1], 'used ' .. period)
  end
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
local function keep()
  for n = 1, 3 do redis.call('PEXPIRE', KEYS[n], ${KEEP_MS}) end
end`;

/** id, tokens, milliseconds until it lapses; then name, limit and used (or nothing) of each period. */
const RESERVE = script(`${BEGIN}
local id, tokens = ARGV[1], tonumber(ARGV[2])
local asked, unknown = {}, {'unknown'}
for n = 4, #ARGV, 3 do asked[ARGV[n]] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local period = string.sub(field, 6)
  if not asked[period] and tonumber(redis.call('HGET', KEYS[1], 'held ' .. period) or 0) <= 0 then
    redis.call('HDEL', KEYS[1], field)
  end
end
for n = 4, #ARGV, 3 do
  if ARGV[n + 2] == '' and redis.call('HEXISTS', KEYS[1], 'used ' .. ARGV[n]) == 0 then table.insert(unknown, ARGV[n]) end
end
if #unknown > 1 then return unknown end
local least, left
for n = 4, #ARGV, 3 do
  if ARGV[n + 2] ~= '' then redis.call('HSETNX', KEYS[1], 'used ' .. ARGV[n], ARGV[n + 2]) end
  local r = redis.call('HMGET', KEYS[1], 'used ' .. ARGV[n], 'held ' .. ARGV[n])
  local rest = tonumber(ARGV[n + 1]) - tonumber(r[1]) - tonumber(r[2] or 0)
  if not left or rest < left then least, left = ARGV[n], rest end
end
keep()
local open = redis.call('HGET', KEYS[2], id)
if not (open and open ~= 'settled') then
  if left < tokens then return {'refused', least, left} end
  local names = {}
  for n = 4, #ARGV, 3 do
    table.insert(names, ARGV[n])
    redis.call('HINCRBY', KEYS[1], 'held ' .. ARGV[n], tokens)
  end
  redis.call('HSET', KEYS[2], id, ARGV[2] .. ' ' .. table.concat(names, ' '))
  redis.call('ZADD', KEYS[3], now + tonumber(ARGV[3]), id)
  left = left - tokens
end
keep()
return {'reserved', least, left}`);

/** id, tokens; then the names of periods. */
const SETTLE = script(`${BEGIN}
local id, tokens = ARGV[1], tonumber(ARGV[2])
local open = redis.call('HGET', KEYS[2], id)
if open == 'settled' then return 0 end
local periods = {}
if open then
  local set_aside, names = string.match(open, '^(%d+) (.*)$')
  for period in string.gmatch(names, '%S+') do
    table.insert(periods, period)
    redis.call('HINCRBY', KEYS[1], 'held ' .. period, -tonumber(set_aside))
  end
else
  for n = 3, #ARGV do table.insert(periods, ARGV[n]) end
end
for _, period in ipairs(periods) do
  if redis.call('HEXISTS', KEYS[1], 'used ' .. period) == 1 then
    redis.call('HINCRBY', KEYS[1], 'used ' .. period, tokens)
  end
end
redis.call('HSET', KEYS[2], id, 'settled')
redis.call('ZADD', KEYS[3], now + ${REMEMBER_SETTLED_MS}, id)
keep()
return 1`);

/** While Redis is away nothing can be set aside, and both calls reject: a budget that nobody counts is none. */
export class RedisTokenBudgets implements TokenBudgets {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async reserve(reservation: Reservation): Promise<ReserveOutcome> {
    const { account, id, tokens, periods, used = {}, lapsesInMs } = reservation;
    const reply = await this.#connection.evaluate(RESERVE, keysOf(account), [
      id,
      String(tokens),
      String(lapsesInMs),
      ...periods.flatMap(({ name, limit }) => [name, String(limit), String(used[name] ?? '')]),
    ]);
    const [kind, period, remaining] = reply as ['reserved' | 'refused' | 'unknown', string, number];
    if (kind === 'unknown') return { kind, periods: (reply as string[]).slice(1) };
    return { kind, period, remaining: Math.max(0, remaining) };
  }

  async settle(account: string, id: string, tokens: number, periods: readonly string[]): Promise<void> {
    await this.#connection.evaluate(SETTLE, keysOf(account), [id, String(tokens), ...periods]);
  }
}

const keysOf = (account: string): [string, string, string] => [
  `budget:{${account}}`,
  `budget:{${account}}:open`,
  `budget:{${account}}:due`,
];
