-- Saves sessions. ARGV after the scope: for each session its key, its owner, 1 if its client is away or else 0, and its
-- state.
for i = 2, #ARGV, 4 do
  local key, owner, gone, state = ARGV[i], ARGV[i + 1], ARGV[i + 2] == '1', ARGV[i + 3]
  local old = redis.call('HMGET', session(key), 'owner', 'since', 'taken')
  if not old[1] or old[1] == owner then
    redis.call('HSET', session(key), 'owner', owner, 'state', state)
    if old[3] then redis.call('HDEL', session(key), 'taken') end
    if gone then
      disconnect(owner, key)
      leave(key, not old[3] and tonumber(old[2] or '') or now)
    else
      connect(owner, key)
      if old[1] then
        redis.call('HDEL', session(key), 'since')
        redis.call('PERSIST', session(key))
        redis.call('ZREM', away, key)
      end
    end
  end
end
return 1
