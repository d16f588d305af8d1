/*
 * What Redis must do in one step. Each names a single key, or keys of which each is treated by itself, so that they run on
 * a cluster too; each text is constant, so that Redis keeps it.
 */

/**
 * Gives tokens another soft half, where there are any. A server that is full refuses to write: then the whole token goes,
 * which is more than was asked for, and never less. KEYS: tokens. ARGV[1]: the new half.
 */
export const SOFTEN = `
for _, key in ipairs(KEYS) do
  local token = redis.pcall('GET', key)
  if type(token) == 'string' then
    local hard = string.match(token, '^[^.]*')
    local reply = redis.pcall('SET', key, hard .. '.' .. ARGV[1], 'KEEPTTL')
    if reply.err then redis.call('DEL', key) end
  end
end
return 1`;

/**
 * Makes tokens where there are none, and has those that there are live on, not for less long than they would: another may
 * need them for longer. KEYS: tokens. ARGV: a fresh one, ms.
 */
export const MAKE_TOKENS = `
for _, key in ipairs(KEYS) do
  if not redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then redis.call('PEXPIRE', key, ARGV[2], 'GT') end
end
return 1`;

/** Takes a lease that is free or the owner's own; 1 if it is the owner's now. KEYS[1]: lease. ARGV: owner, ms. */
export const TAKE_LEASE = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** Renews a lease that is the owner's; 1 if it was. KEYS[1]: lease. ARGV: owner, ms. */
export const RENEW_LEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Gives back a lease that is the owner's. KEYS[1]: lease. ARGV[1]: owner. */
export const RELEASE_LEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
