-- Notes that an owner has gone. ARGV after the scope: the owner, and how many sessions the call handles. It returns
-- whether there are more.
local set = connected(ARGV[2])
for _, key in ipairs(redis.call('SRANDMEMBER', set, ARGV[3])) do
  if redis.call('HGET', session(key), 'owner') == ARGV[2] then
    redis.call('HDEL', session(key), 'taken')
    leave(key, now)
  end
  disconnect(ARGV[2], key)
end
local more = redis.call('SCARD', set)
if more == 0 then redis.call('SREM', owners, ARGV[2]) end
return more
