-- What every script of sessions begins with. KEYS[1] is what all keys of sessions begin with, ARGV[1] the scope.
--
-- A session is a hash: owner, state, since (when its client has gone away, in ms; missing while it is connected), and
-- taken (the id of the call that has taken it and what that returns; missing if its owner has saved it since).
-- Sessions that are connected or taken are in a set for their owner, and their owner is in the set of owners. Sessions
-- that are away are in a sorted set by the time at which that began, and those that are taken a minute later.
local base, scope = KEYS[1], ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local owners, away = base .. '.owners:' .. scope, base .. '.away:' .. scope

local function number(n) return string.format('%.0f', n) end

local function session(key) return base .. ':' .. scope .. '\0' .. key end

local function connected(owner) return base .. '.connected:' .. scope .. '\0' .. owner end

local function connect(owner, key)
  redis.call('SADD', connected(owner), key)
  redis.call('SADD', owners, owner)
end

local function disconnect(owner, key)
  redis.call('SREM', connected(owner), key)
  if redis.call('SCARD', connected(owner)) == 0 then redis.call('SREM', owners, owner) end
end

-- leave notes that a client is away since a time. Without a node that expires sessions they last for longest ms.
local longest = 7 * 24 * 3600 * 1000
local function leave(key, since)
  redis.call('HSET', session(key), 'since', number(since))
  redis.call('PEXPIRE', session(key), longest)
  redis.call('ZADD', away, number(since), key)
  redis.call('PEXPIRE', away, longest)
end
