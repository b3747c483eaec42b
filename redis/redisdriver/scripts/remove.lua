-- Removes sessions of an owner. ARGV after the scope: the owner, and the keys.
for i = 3, #ARGV do
  if redis.call('HGET', session(ARGV[i]), 'owner') == ARGV[2] then
    redis.call('UNLINK', session(ARGV[i]))
    redis.call('ZREM', away, ARGV[i])
    disconnect(ARGV[2], ARGV[i])
  end
end
return 1
