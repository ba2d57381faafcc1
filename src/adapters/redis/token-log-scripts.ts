import { script } from './script.ts';

/**
 * One script for each operation on the log of one generation; the decisions are those of
 * `token-log-record.ts`. Keys, all in one hash slot:
 *
 * 1. the record, a hash: `head` (`epoch:closed:bytes of reasoning`, compared as one string); `epochs`
 *    (`epoch:text.reasoning;` for each, where it began); `ending` (JSON) and `ended` (`text.reasoning`, the
 *    length at which it holds); `routes` (`replica#incarnation=followers;` for each API replica that
 *    follows). Without `head` there is no log, only somebody waiting for one.
 * 2. the text, a string: its length is the length of the log, so that an append is a single write.
 * 3. the reasoning, a string.
 *
 * `allow-oom`: a full instance refuses new logs (below), never the ones it has.
 */
const HEAD = `local function parse(head)
  local epoch, closed, thought = string.match(head, '(%d+):(%d+):(%d+)')
  return tonumber(epoch), tonumber(closed), tonumber(thought)
end`;

const REFUSAL = `local function refusal(head, length)
  if not head then return {0, 0, 0, 0} end
  local epoch, closed, thought = parse(head)
  return {epoch, length, thought, closed}
end`;

/**
 * For each of several logs (in a cluster, of one slot) two keys, record and text, and three arguments: head,
 * text length, text. For each its routes, or {epoch, text length, reasoning length, closed}. Several at once
 * because calling a script costs about as much as appending does. It appends first and looks at the length then,
 * which is one call less; what did not fit is taken off again.
 */
export const APPEND = script(`#!lua flags=allow-oom
${HEAD}
${REFUSAL}
local call, replies = redis.call, {}
for n = 1, #KEYS / 2 do
  local record, text = KEYS[2 * n - 1], KEYS[2 * n]
  local r = call('HMGET', record, 'head', 'routes')
  if r[1] ~= ARGV[3 * n - 2] then
    replies[n] = refusal(r[1], call('STRLEN', text))
  else
    local piece = ARGV[3 * n]
    local length = call('APPEND', text, piece) - #piece
    if length ~= tonumber(ARGV[3 * n - 1]) then
      if length == 0 then call('DEL', text)
      else call('SET', text, call('GETRANGE', text, 0, length - 1), 'KEEPTTL') end
      replies[n] = refusal(r[1], length)
    else
      if length == 0 then call('PEXPIRE', text, call('PTTL', record)) end
      replies[n] = r[2] or ''
    end
  end
end
return replies`);

/** Of one log, where there is more than text: head, text length, text, reasoning, ending or ''. As above. */
export const APPEND_MORE = script(`#!lua flags=allow-oom
${HEAD}
${REFUSAL}
local r = redis.call('HMGET', KEYS[1], 'head', 'routes')
local length = redis.call('STRLEN', KEYS[2])
if r[1] ~= ARGV[1] or length ~= tonumber(ARGV[2]) then return {refusal(r[1], length)} end
local epoch, closed, thought = parse(r[1])
if ARGV[3] ~= '' then
  local grown = redis.call('APPEND', KEYS[2], ARGV[3])
  if length == 0 then redis.call('PEXPIRE', KEYS[2], redis.call('PTTL', KEYS[1])) end
  length = grown
end
if ARGV[4] ~= '' then
  local grown = redis.call('APPEND', KEYS[3], ARGV[4])
  if thought == 0 then redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1])) end
  thought = grown
  redis.call('HSET', KEYS[1], 'head', epoch .. ':' .. closed .. ':' .. thought)
end
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'ending', ARGV[5], 'ended', length .. '.' .. thought) end
return {r[2] or ''}`);

/**
 * epoch, how, time to live, room for a new log (0 or 1) [, text, reasoning, epochs].
 * {0, standing epoch} refused; {2} no room; {1, text, reasoning, epochs, ending or '', routes}.
 */
export const OPEN = script(`#!lua flags=allow-oom
${HEAD}
local r = redis.call('HMGET', KEYS[1], 'head', 'epochs', 'ending', 'ended', 'routes')
local how = ARGV[2]
local standing = r[1] and parse(r[1])
if standing and standing >= tonumber(ARGV[1]) then return {0, standing} end
if not r[1] and how ~= 'restore' and ARGV[4] == '0' then return {2} end
local text, reasoning, epochs, ending, length, thought = '', '', r[2] or '', '', 0, 0
if how == 'continue' and r[1] then
  text = redis.call('GET', KEYS[2]) or ''
  reasoning = redis.call('GET', KEYS[3]) or ''
  length, thought = #text, #reasoning
  if r[4] == length .. '.' .. thought then ending = r[3] end
else
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HDEL', KEYS[1], 'ending', 'ended')
end
if how == 'restore' then
  epochs = ARGV[7]
  if ARGV[5] ~= '' then redis.call('SET', KEYS[2], ARGV[5]) end
  if ARGV[6] ~= '' then redis.call('SET', KEYS[3], ARGV[6]) end
  thought = #ARGV[6]
else
  epochs = epochs .. ARGV[1] .. ':' .. length .. '.' .. thought .. ';'
end
redis.call('HSET', KEYS[1], 'head', ARGV[1] .. ':0:' .. thought, 'epochs', epochs)
for n = 1, 3 do redis.call('PEXPIRE', KEYS[n], ARGV[3]) end
return {1, text, reasoning, epochs, ending, r[5] or ''}`);

/**
 * replica, incarnation, followers, time to live, cursor epoch, cursor text, cursor reasoning. Nil where there
 * is no log; else {epoch, epochs, closed, from text, from reasoning, text, reasoning}.
 */
export const ATTACH = script(`#!lua flags=allow-oom
${HEAD}
local r = redis.call('HMGET', KEYS[1], 'head', 'epochs', 'routes')
local routes = string.gsub(r[3] or '', ARGV[1] .. '#%d+=%d+;', '') .. ARGV[1] .. '#' .. ARGV[2] .. '=' .. ARGV[3] .. ';'
if routes ~= r[3] then redis.call('HSET', KEYS[1], 'routes', routes) end
if not r[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return false
end
local standing, closed = parse(r[1])
local cursor = tonumber(ARGV[5])
local text, reasoning = tonumber(ARGV[6]), tonumber(ARGV[7])
if cursor > standing then return {standing, r[2], closed, text, reasoning, '', ''} end
local later, own = false, false
for epoch, t, g in string.gmatch(r[2], '(%d+):(%d+)%.(%d+);') do
  epoch = tonumber(epoch)
  if epoch == cursor then own = true end
  if epoch > cursor then
    later = true
    text = math.min(text, tonumber(t))
    reasoning = math.min(reasoning, tonumber(g))
  end
end
if later and not own then text, reasoning = 0, 0 end
return {standing, r[2], closed, text, reasoning,
  redis.call('GETRANGE', KEYS[2], text, -1), redis.call('GETRANGE', KEYS[3], reasoning, -1)}`);

/** replica, incarnation, followers: sets how many follow, where that very route stands; 0 drops it. */
export const ROUTE = script(`#!lua flags=allow-oom
local routes = redis.call('HGET', KEYS[1], 'routes')
if not routes then return 0 end
local own = ARGV[1] .. '#' .. ARGV[2] .. '='
local kept = string.gsub(routes, own .. '%d+;', ARGV[3] == '0' and '' or own .. ARGV[3] .. ';')
if kept == routes then return 0 end
if kept == '' then return redis.call('HDEL', KEYS[1], 'routes') end
return redis.call('HSET', KEYS[1], 'routes', kept)`);

/** epoch, time to live. {0} ignored; {1, routes, text length, reasoning length} closed; {2, routes} gone. */
export const CLOSE = script(`#!lua flags=allow-oom
${HEAD}
local r = redis.call('HMGET', KEYS[1], 'head', 'routes')
local routes = r[2] or ''
if not r[1] then return {2, routes} end
local standing, closed, thought = parse(r[1])
local closing = tonumber(ARGV[1])
if closing > standing then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
  return {2, routes}
end
if closing < standing or closed == 1 then return {0} end
redis.call('HSET', KEYS[1], 'head', standing .. ':1:' .. thought)
for n = 1, 3 do redis.call('PEXPIRE', KEYS[n], ARGV[2]) end
return {1, routes, redis.call('STRLEN', KEYS[2]), thought}`);

/** The routes of what is no more. */
export const REMOVE = script(`#!lua flags=allow-oom
local routes = redis.call('HGET', KEYS[1], 'routes') or ''
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return routes`);
