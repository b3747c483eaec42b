-- Reads the log of a channel. KEYS[3] is its stream. ARGV after the epoch: the name of the channel, the epoch and the
-- offset to read from, the direction, and how many messages and bytes. It returns the epoch, the newest offset, the one
-- up to which messages are gone, and entries of the stream: those after the offset ('after'), or those before it, the
-- latest first ('before'; 0 is the end). Of the entry with the first message, all messages are returned.
local key, name, from, direction = KEYS[3], ARGV[2], ARGV[4], ARGV[5]
local most, room = tonumber(ARGV[6]), tonumber(ARGV[7])

local newest = tonumber(redis.call('HGET', meta, ':' .. name) or '0')
local first = newest > 0 and redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
if not first then
  return {epoch, newest, newest, {}}
end
local last, n = string.match(first[1], '(%d+)-(%d+)')
local gone = last - n
local got = {}
local answer = {epoch, newest, gone, got}

local read, edge
if direction == 'after' then
  local offset = tonumber(from)
  if ARGV[3] ~= epoch or offset < gone or offset >= newest then return answer end
  read, edge = 'XRANGE', number(offset + 1)
elseif direction == 'before' then
  read, edge = 'XREVRANGE', '+'
  if from ~= '0' and tonumber(from) <= newest then
    if tonumber(from) <= gone + 1 then return answer end
    local at = redis.call('XRANGE', key, number(tonumber(from) - 1), '+', 'COUNT', 1)[1]
    if at then edge = at[1] end
  end
else
  return answer
end
local size, count = 0, 1
while most > 0 and room > 0 do
  local part = redis.call(read, key, edge, read == 'XRANGE' and '+' or '-', 'COUNT', count)
  for _, entry in ipairs(part) do
    got[#got + 1] = entry
    edge = '(' .. entry[1]
    if #got > 1 then -- the first one may have messages on the other side of the offset: it does not count
      for i = 6, #entry[2], 2 do
        most, size = most - 1, size + #entry[2][i]
        room = room - #entry[2][i]
      end
    end
  end
  if #part < count then break end
  count = math.min(256, 2 * count, math.max(1, math.floor(room * #got / (size + 1))))
end
return answer
