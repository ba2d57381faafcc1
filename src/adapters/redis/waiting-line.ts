import { type LineView, MEAN_OVER, type WaitingLine } from '../../ports/waiting-line.ts';
import type { Lane } from '../../protocol/generation.ts';
import type { RedisConnection } from './connection.ts';
import { type Script, script } from './script.ts';

const WINDOW_MS = 60_000;
/** The window is counted in slices of this length, so that its memory does not grow with the rate. */
const SLICE_MS = 500;

/**
 * Keys: `drawn`, `served` and the mean of tokens; of what was served lately, per slice by the time at which it began
 * how many and their tokens (`n…`, `t…`), and the sums over the window, so that a look reads no slices.
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function forget_old()
  local oldest = tonumber(redis.call('HGET', KEYS[2], 'oldest'))
  if not oldest or oldest >= now - ${WINDOW_MS} then return end
  local count, tokens, oldest = 0, 0, nil
  local fields = redis.call('HGETALL', KEYS[2])
  for n = 1, #fields, 2 do
    local kind, began, value = string.sub(fields[n], 1, 1), tonumber(string.sub(fields[n], 2)), tonumber(fields[n + 1])
    if began and began < now - ${WINDOW_MS} then redis.call('HDEL', KEYS[2], fields[n])
    elseif began and kind == 'n' then count, oldest = count + value, math.min(oldest or began, began)
    elseif began then tokens = tokens + value end
  end
  redis.call('HSET', KEYS[2], 'count', count, 'tokens', tokens)
  if oldest then redis.call('HSET', KEYS[2], 'oldest', oldest) else redis.call('HDEL', KEYS[2], 'oldest') end
end`;

/** {drawn, served, served in the window, milliseconds since its oldest slice began, tokens of those, the mean}. */
const END = `
forget_old()
local line = redis.call('HMGET', KEYS[1], 'drawn', 'served', 'mean')
local lately = redis.call('HMGET', KEYS[2], 'count', 'oldest', 'tokens')
return {tonumber(line[1] or 0), tonumber(line[2] or 0), tonumber(lately[1] or 0), now - (lately[2] or now),
  tonumber(lately[3] or 0), line[3] or ''}`;

/** tickets; then the tokens of each that are known. */
const DRAW = script(`${BEGIN}
local mean = redis.call('HGET', KEYS[1], 'mean')
mean = mean and tonumber(mean)
for n = 2, #ARGV do
  local tokens = tonumber(ARGV[n])
  mean = mean and mean + (tokens - mean) / ${MEAN_OVER} or tokens
end
if mean then redis.call('HSET', KEYS[1], 'mean', tostring(mean)) end
redis.call('HINCRBY', KEYS[1], 'drawn', ARGV[1])
${END}`);

/** ticket, tokens. */
const SERVE = script(`${BEGIN}
local ticket = tonumber(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'drawn', 'served')
if ticket > tonumber(r[2] or 0) then redis.call('HSET', KEYS[1], 'served', ARGV[1]) end
if ticket > tonumber(r[1] or 0) then redis.call('HSET', KEYS[1], 'drawn', ARGV[1]) end
local slice = now - now % ${SLICE_MS}
if redis.call('HINCRBY', KEYS[2], 'n' .. slice, 1) == 1 then redis.call('PEXPIRE', KEYS[2], ${2 * WINDOW_MS}) end
redis.call('HINCRBY', KEYS[2], 't' .. slice, ARGV[2])
redis.call('HINCRBY', KEYS[2], 'count', 1)
redis.call('HINCRBY', KEYS[2], 'tokens', ARGV[2])
redis.call('HSETNX', KEYS[2], 'oldest', slice)
${END}`);

const LOOK = script(`${BEGIN}${END}`);

type Seen = {
  drawn: number;
  served: number;
  /** As Redis last said it, which it does with every draw and serving too, and when. */
  view: LineView | null;
  at: number;
};

/**
 * Tickets in Redis. While it is away they go on from the highest that this process has seen: dispatching does
 * not wait for an estimate.
 */
export class RedisWaitingLine implements WaitingLine {
  readonly #connection: RedisConnection;
  readonly #seen: Record<Lane, Seen> = { stream: unseen(), chat: unseen(), batch: unseen() };

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async draw(lane: Lane, tokens: readonly (number | null)[]): Promise<number> {
    const count = tokens.length;
    const known = tokens.filter((each) => each !== null).map(String);
    const seen = this.#seen[lane];
    const last = await this.#ask(lane, DRAW, [String(count), ...known]).then(
      ({ drawn }) => drawn,
      () => seen.drawn + count, // The connection has said that it is away.
    );
    seen.drawn = Math.max(seen.drawn, last);
    return last - count + 1;
  }

  async serve(lane: Lane, ticket: number, tokens: number): Promise<void> {
    const seen = this.#seen[lane];
    seen.served = Math.max(seen.served, ticket);
    seen.drawn = Math.max(seen.drawn, ticket);
    await this.#ask(lane, SERVE, [String(ticket), String(tokens)]).catch(() => {}); // As above.
  }

  async look(lane: Lane, maxAgeMs = 0): Promise<LineView> {
    const seen = this.#seen[lane];
    if (seen.view && performance.now() - seen.at < maxAgeMs) return seen.view;
    return await this.#ask(lane, LOOK, []).catch(() => ({ drawn: seen.drawn, served: seen.served, ...UNKNOWN }));
  }

  async #ask(lane: Lane, what: Script, values: readonly string[]): Promise<LineView> {
    const seen = this.#seen[lane];
    try {
      const view = toView((await this.#connection.evaluate(what, keysOf(lane), values)) as Reply);
      seen.view = view;
      seen.at = performance.now();
      seen.drawn = Math.max(seen.drawn, view.drawn);
      return view;
    } catch (error) {
      seen.view = null;
      throw error;
    }
  }
}

type Reply = [drawn: number, served: number, count: number, elapsedMs: number, tokens: number, mean: string];

const UNKNOWN = { ratePerSecond: null, tokensPerSecond: null, meanTokens: null };

function toView([drawn, served, count, elapsedMs, tokens, mean]: Reply): LineView {
  // A single one, or a first moment, tells nothing.
  const ratePerSecond = count < 2 || elapsedMs < SLICE_MS ? null : ((count - 1) / elapsedMs) * 1000;
  const tokensPerSecond = ratePerSecond === null ? null : (ratePerSecond * tokens) / count;
  return { drawn, served, ratePerSecond, tokensPerSecond, meanTokens: mean === '' ? null : Number(mean) };
}

const unseen = (): Seen => ({ drawn: 0, served: 0, view: null, at: 0 });
const keysOf = (lane: Lane): [string, string] => [`line:{${lane}}`, `line:{${lane}}:lately`];
