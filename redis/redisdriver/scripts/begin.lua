-- What every script of the log begins with. KEYS[1] is the hash with what is known about the log, KEYS[2] the sorted
-- set of the channels that have messages, ARGV[1] the id of a new epoch in case that one has to begin.
--
-- A primary server has another replication id whenever it was started or promoted, or its data was replaced. All that
-- may have lost messages, so the log of another replication id ends.
local meta, live = KEYS[1], KEYS[2]
local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then
  return {err = 'READONLY the server is a replica'}
end
local here = string.match(info, 'master_replid:(%w+)')
if not here then
  return {err = 'NOREPLID the server does not tell its replication id'}
end
local head = redis.call('HMGET', meta, 'epoch', 'server', 'time', 'bytes')
local epoch, bytes = head[1], tonumber(head[4] or '0')
local clock = redis.call('TIME')
-- The time in ms never goes back, so that the oldest messages are always the first ones.
local now = math.max(clock[1] * 1000 + math.floor(clock[2] / 1000), tonumber(head[3] or '0'))

local function number(n) return string.format('%.0f', n) end

local function stream(channel) return meta .. ':' .. channel end

if not epoch or head[2] ~= here then
  for _, channel in ipairs(redis.call('ZRANGE', live, 0, -1)) do
    redis.call('UNLINK', stream(channel))
  end
  redis.call('DEL', meta, live)
  epoch, bytes = ARGV[1], 0
  redis.call('HSET', meta, 'epoch', epoch, 'server', here)
end
