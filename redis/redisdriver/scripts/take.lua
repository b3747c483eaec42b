-- Takes a session over. ARGV after the scope: the key, the new owner, how long the client may have been away in ms, and
-- the id of the call. A call that is repeated returns the same again. It returns what the session has as taken, and the
-- state.
local key, owner, most, id = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local old = redis.call('HMGET', session(key), 'owner', 'since', 'taken', 'state')
if not old[1] or old[3] and string.sub(old[3], 1, #id) ~= id then return {} end
if old[3] then return {old[3], old[4]} end
if old[2] and now - tonumber(old[2]) > most then return {} end
local taken = id .. (old[2] and '1' or '0') .. old[1]
if not old[2] then disconnect(old[1], key) end
redis.call('HSET', session(key), 'owner', owner, 'taken', taken)
redis.call('HDEL', session(key), 'since')
redis.call('PERSIST', session(key))
redis.call('ZADD', away, number(now + 60000), key)
redis.call('PEXPIRE', away, longest)
connect(owner, key)
return {taken, old[4]}
