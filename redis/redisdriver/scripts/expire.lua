-- Removes the sessions of clients that were away for longer than a time. ARGV after the scope: the time in ms, and how
-- many sessions the call handles. It returns whether there may be more.
local gone = redis.call('ZRANGEBYSCORE', away, '-inf', '(' .. number(now - tonumber(ARGV[2])), 'LIMIT', 0, ARGV[3])
for _, key in ipairs(gone) do
  local old = redis.call('HMGET', session(key), 'owner', 'taken')
  if old[2] then disconnect(old[1], key) end
  redis.call('UNLINK', session(key))
  redis.call('ZREM', away, key)
end
return #gone == tonumber(ARGV[3]) and 1 or 0
