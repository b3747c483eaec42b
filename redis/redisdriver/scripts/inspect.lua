-- Describes the log. ARGV after the epoch: what the names of channels begin with. It returns the epoch, the memory in
-- bytes, the time of the oldest message in ms or 0, and for each channel its name, the newest offset and the one up to
-- which messages are gone.
local prefix = ':' .. ARGV[2]
local memory, oldest = 0, 0
for _, name in ipairs(redis.call('ZRANGE', live, 0, -1)) do
  memory = memory + (redis.call('MEMORY', 'USAGE', stream(name)) or 0)
  local first = redis.call('XRANGE', stream(name), '-', '+', 'COUNT', 1)[1]
  local time = first and tonumber(first[2][2])
  if time and (oldest == 0 or time < oldest) then oldest = time end
end
local answer = {epoch, memory, oldest}
local fields = redis.call('HGETALL', meta)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, #prefix) == prefix then
    local name, newest = string.sub(fields[i], 2), tonumber(fields[i + 1])
    local gone = newest
    local first = redis.call('XRANGE', stream(name), '-', '+', 'COUNT', 1)[1]
    if first then
      local last, n = string.match(first[1], '(%d+)-(%d+)')
      gone = last - n
    end
    answer[#answer + 1] = {name, newest, gone}
  end
end
return answer
