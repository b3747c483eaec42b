-- Removes messages that need not be kept any more. ARGV after the epoch: the age in ms and the size in bytes that may
-- be kept, or 0 for no limit. It writes nothing if there is nothing to remove. It returns whether there may be more to
-- do.
local age, most = tonumber(ARGV[2]), tonumber(ARGV[3])

local function stays(entry)
  local time, before = tonumber(entry[2][2]), tonumber(entry[2][4])
  return (age == 0 or now - time <= age) and (most == 0 or bytes - before <= most)
end

-- kept returns the first entry of a stream that stays. One up to the offset high does.
local function kept(key, low, high)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local entry = redis.call('XRANGE', key, number(middle), '+', 'COUNT', 1)[1]
    local last, n = string.match(entry[1], '(%d+)-(%d+)')
    if stays(entry) then
      high = math.min(middle, last - n + 1)
    else
      low = last + 1
    end
  end
  return redis.call('XRANGE', key, number(low), '+', 'COUNT', 1)[1]
end

for _ = 1, 100 do
  local oldest = redis.call('ZRANGE', live, 0, 0, 'WITHSCORES')
  if #oldest == 0 then return 0 end
  local name, key = oldest[1], stream(oldest[1])
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if not first then
    redis.call('ZREM', live, name)
  elseif not stays(first) then
    local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    if stays(last) then
      local entry = kept(key, tonumber(string.match(first[1], '%d+')), tonumber(string.match(last[1], '%d+')))
      redis.call('XTRIM', key, 'MINID', entry[1])
      redis.call('ZADD', live, entry[2][4], name)
    else
      redis.call('UNLINK', key)
      redis.call('ZREM', live, name)
    end
  elseif tonumber(first[2][4]) == tonumber(oldest[2]) then
    return 0
  else
    redis.call('ZADD', live, first[2][4], name) -- somebody else has removed messages
  end
end
return 1
