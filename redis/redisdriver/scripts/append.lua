-- Keeps messages and publishes them. ARGV after the epoch: the command that publishes, the channel of headers, and the
-- number of channels; for each channel its name, its name on the server, how many of its messages are kept, their size
-- with an allowance, and the lengths of the runs of messages that are kept, not kept, kept and so on; then for each
-- message the number of its channel, negative if it is not kept, and the payload. KEYS[3] and so on are the streams of
-- the channels. It returns the epoch and the first offset of each channel with kept messages. An error whose code is
-- PARTIAL means that some messages are kept, and not all were published.
--
-- An entry of a stream has the messages of a channel in one call. Its id is the offset of the last one and their
-- number. Its first fields are the time, and the size of all that was kept before the call in this epoch.
local publish, headers, channels = ARGV[2], ARGV[3], tonumber(ARGV[4])

local refused = redis.pcall('HSET', meta, 'time', number(now)) -- if nothing may be written, this is not
if type(refused) == 'table' then return refused end

local entries, answer, header = {}, {epoch}, {epoch}
for i = 1, channels do
  local name, kept = ARGV[5 * i], tonumber(ARGV[5 * i + 2])
  if kept > 0 then
    local newest = redis.call('HINCRBY', meta, ':' .. name, kept)
    if newest == kept then redis.call('UNLINK', KEYS[2 + i]) end -- an earlier epoch may have left it
    entries[i] = {'XADD', KEYS[2 + i], number(newest) .. '-' .. kept, 't', number(now), 'c', number(bytes)}
    local first = number(newest - kept + 1)
    answer[#answer + 1] = first
    header[#header + 1] = first .. ' ' .. ARGV[5 * i + 4] .. ' ' .. #name .. ' ' .. name
  end
end
local start = 5 * channels + 5
for j = start, #ARGV, 2 do
  local entry = entries[tonumber(ARGV[j])]
  if entry then
    entry[#entry + 1] = ''
    entry[#entry + 1] = ARGV[j + 1]
  end
end

local grown, problem, some = bytes, nil, false
for i, entry in pairs(entries) do
  local added = redis.pcall(unpack(entry))
  if type(added) == 'table' and added.err then
    problem = added.err
    redis.call('HINCRBY', meta, ':' .. ARGV[5 * i], -tonumber(ARGV[5 * i + 2]))
  else
    some = true
    redis.call('ZADD', live, 'NX', number(bytes), ARGV[5 * i])
    grown = grown + tonumber(ARGV[5 * i + 3])
  end
end
redis.call('HSET', meta, 'bytes', number(grown))
if problem then return {err = some and 'PARTIAL ' .. problem or problem} end

local told = redis.pcall(publish, headers, table.concat(header, ' '))
for j = start, #ARGV, 2 do
  if type(told) == 'table' then return {err = 'PARTIAL ' .. told.err} end
  told = redis.pcall(publish, ARGV[5 * math.abs(tonumber(ARGV[j])) + 1], ARGV[j + 1])
end
if type(told) == 'table' then return {err = 'PARTIAL ' .. told.err} end
return answer
