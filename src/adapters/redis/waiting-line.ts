import { type LineView, MEAN_OVER, type WaitingLine } from '../../ports/waiting-line.ts';
import type { Lane } from '../../protocol/generation.ts';
import type { RedisConnection } from './connection.ts';
import { script } from './script.ts';

const WINDOW_MS = 60_000;
/** The window is counted in slices of this length, so that its memory does not grow with the rate. */
const SLICE_MS = 500;

/** tickets; then the tokens of each that are known. Key: `drawn`, `served` and the mean of tokens. */
const DRAW = script(`
local mean = redis.call('HGET', KEYS[1], 'mean')
mean = mean and tonumber(mean)
for n = 2, #ARGV do
  local tokens = tonumber(ARGV[n])
  mean = mean and mean + (tokens - mean) / ${MEAN_OVER} or tokens
end
if mean then redis.call('HSET', KEYS[1], 'mean', tostring(mean)) end
return redis.call('HINCRBY', KEYS[1], 'drawn', ARGV[1])`);

/**
 * ticket, tokens. Keys: `drawn` and `served`; served per slice, by the time at which the slice began, and of the
 * same slice the tokens.
 */
const SERVE = script(`
local ticket = tonumber(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'drawn', 'served')
if ticket > tonumber(r[2] or 0) then redis.call('HSET', KEYS[1], 'served', ARGV[1]) end
if ticket > tonumber(r[1] or 0) then redis.call('HSET', KEYS[1], 'drawn', ARGV[1]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slice = now - now % ${SLICE_MS}
redis.call('HINCRBY', KEYS[3], slice, ARGV[2])
if redis.call('HINCRBY', KEYS[2], slice, 1) == 1 then
  for _, old in ipairs(redis.call('HKEYS', KEYS[2])) do
    if tonumber(old) < now - ${WINDOW_MS} then
      redis.call('HDEL', KEYS[2], old)
      redis.call('HDEL', KEYS[3], old)
    end
  end
  redis.call('PEXPIRE', KEYS[2], ${2 * WINDOW_MS})
  redis.call('PEXPIRE', KEYS[3], ${2 * WINDOW_MS})
end`);

/** {drawn, served, served in the window, milliseconds since its oldest slice began, tokens of those, the mean}. */
const LOOK = script(`
local r = redis.call('HMGET', KEYS[1], 'drawn', 'served', 'mean')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count, oldest, tokens = 0, now, 0
local slices = redis.call('HGETALL', KEYS[2])
for n = 1, #slices, 2 do
  local began = tonumber(slices[n])
  if began >= now - ${WINDOW_MS} then
    count = count + tonumber(slices[n + 1])
    oldest = math.min(oldest, began)
    tokens = tokens + tonumber(redis.call('HGET', KEYS[3], slices[n]) or 0)
  end
end
return {tonumber(r[1] or 0), tonumber(r[2] or 0), count, now - oldest, tokens, r[3] or ''}`);

/**
 * Tickets in Redis. While it is away they go on from the highest that this process has seen: dispatching does
 * not wait for an estimate.
 */
export class RedisWaitingLine implements WaitingLine {
  readonly #connection: RedisConnection;
  readonly #seen: Record<Lane, { drawn: number; served: number }> = {
    stream: unseen(),
    chat: unseen(),
    batch: unseen(),
  };

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async draw(lane: Lane, tokens: readonly (number | null)[]): Promise<number> {
    const count = tokens.length;
    const seen = this.#seen[lane];
    const [line] = keysOf(lane);
    const known = tokens.filter((each) => each !== null).map(String);
    const last = await this.#connection.evaluate(DRAW, [line], [String(count), ...known]).then(
      Number,
      () => seen.drawn + count, // The connection has said that it is away.
    );
    seen.drawn = Math.max(seen.drawn, last);
    return last - count + 1;
  }

  async serve(lane: Lane, ticket: number, tokens: number): Promise<void> {
    const seen = this.#seen[lane];
    seen.served = Math.max(seen.served, ticket);
    seen.drawn = Math.max(seen.drawn, ticket);
    await this.#connection.evaluate(SERVE, keysOf(lane), [String(ticket), String(tokens)]).catch(() => {}); // As above.
  }

  async look(lane: Lane): Promise<LineView> {
    try {
      const reply = await this.#connection.evaluate(LOOK, keysOf(lane), []);
      const [drawn, served, count, elapsedMs, tokens, mean] = reply as [number, number, number, number, number, string];
      this.#seen[lane].drawn = Math.max(this.#seen[lane].drawn, drawn);
      // A single one, or a first moment, tells nothing.
      const ratePerSecond = count < 2 || elapsedMs < SLICE_MS ? null : ((count - 1) / elapsedMs) * 1000;
      const tokensPerSecond = ratePerSecond === null ? null : (ratePerSecond * tokens) / count;
      return { drawn, served, ratePerSecond, tokensPerSecond, meanTokens: mean === '' ? null : Number(mean) };
    } catch {
      return { ...this.#seen[lane], ratePerSecond: null, tokensPerSecond: null, meanTokens: null };
    }
  }
}

const unseen = () => ({ drawn: 0, served: 0 });
const keysOf = (lane: Lane): [string, string, string] => [
  `line:{${lane}}`,
  `line:{${lane}}:rate`,
  `line:{${lane}}:tokens`,
];
