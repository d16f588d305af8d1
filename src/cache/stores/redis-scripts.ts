import { RedisScript } from '../redis/redis-script.js';

/*
 * What Redis must do in one step. Each names a single key, or keys of which each is treated by itself, so that they run on
 * a cluster too.
 */

/**
 * Takes tokens away, gives others another soft half where there are any, and tells those who listen, all in one step: who
 * reads what comes after it can be told of it. A server that is full refuses to write, and one that forbids `GET` does not tell
 * the hard half: then a whole token goes, which is more than was asked for, and never less. KEYS: tokens, first those that go.
 * ARGV: how many of them go, the new half; the channel and the message, or neither.
 * A text, sent each time: what is sent behind it must not run before it. No `MULTI`: one that is full takes nothing in such.
 */
export const TAKE_AWAY = `
if ARGV[3] then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
for i, key in ipairs(KEYS) do
  if i <= tonumber(ARGV[1]) then
    redis.call('DEL', key)
  else
    local reply = redis.pcall('GET', key)
    if type(reply) == 'string' then
      local hard = string.match(reply, '^[^.]*')
      reply = redis.pcall('SET', key, hard .. '.' .. ARGV[2], 'KEEPTTL')
    end
    if reply and reply.err then redis.call('DEL', key) end
  end
end
return 1`;

/**
 * What a run begins with, for each key by what it is. A token is made where there is none, and lives on, not for less long
 * than it would: another may need it for longer. A lease is taken that is free or the owner's own. KEYS: in any order.
 * ARGV: a letter for each key (`t`oken, `e`ntry, `l`ease), a fresh token, how long tokens live, the last byte of an entry to
 * give, the owner, how long leases live; times in ms.
 *
 * Replies for each key: the token, false where there is something else in its place; time left (`PTTL`) and bytes of the
 * entry; 1 if the lease is the owner's now.
 */
export const OPEN = new RedisScript(`
local replies = {}
for i, key in ipairs(KEYS) do
  local kind = string.sub(ARGV[1], i, i)
  if kind == 't' then
    if redis.call('SET', key, ARGV[2], 'NX', 'PX', ARGV[3]) then
      replies[i] = ARGV[2]
    else
      redis.call('PEXPIRE', key, ARGV[3], 'GT')
      local token = redis.pcall('GET', key)
      if type(token) == 'table' and not string.find(token.err, '^WRONGTYPE') then return token end
      replies[i] = type(token) == 'string' and token
    end
  elseif kind == 'e' then
    local entry = redis.pcall('GETRANGE', key, 0, ARGV[4])
    local isText = type(entry) == 'string'
    if not isText and not string.find(entry.err, '^WRONGTYPE') then return entry end
    replies[i] = {redis.call('PTTL', key), isText and entry}
  else
    local owner = redis.call('GET', key)
    local isFree = not owner or owner == ARGV[5]
    if isFree then redis.call('SET', key, ARGV[5], 'PX', ARGV[6]) end
    replies[i] = isFree and 1 or 0
  end
end
return replies`);

/** Renews a lease that is the owner's; 1 if it was. KEYS[1]: lease. ARGV: owner, ms. */
export const RENEW_LEASE = new RedisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

/** Gives back a lease that is the owner's. KEYS[1]: lease. ARGV[1]: owner. */
export const RELEASE_LEASE = new RedisScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);
