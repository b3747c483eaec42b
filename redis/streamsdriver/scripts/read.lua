-- Reads a stream. KEYS[1] is the stream, KEYS[2] a hash with what is known about it. ARGV: the id of a new epoch in case
-- that one has to begin, a namespace or '', a direction, the id to read from, and how many entries and bytes. It returns the
-- epoch, the last id before it began, the first id in the stream, the last one that was ever there, whether entries were
-- removed (1) or not (0), the last id of the namespace, and entries of the namespace: those after the id ('after'), or
-- those before it, the latest first ('before').
--
-- A primary server has another replication id whenever it was started or promoted, or its data was replaced. All that may
-- have lost entries, so a new epoch begins, and also when the stream is not the one that it was.
local stream, meta, nsp, direction, edge = KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4]
local most, room = tonumber(ARGV[5]), tonumber(ARGV[6])

local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then
  return {err = 'READONLY the server is a replica'}
end
local here = string.match(info, 'master_replid:(%w+)')
if not here then
  return {err = 'NOREPLID the server does not tell its replication id'}
end

local first, last, length, added = '', '0-0', 0, nil
if redis.call('EXISTS', stream) == 1 then
  local about = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #about, 2 do
    if about[i] == 'last-generated-id' then last = about[i + 1] end
    if about[i] == 'length' then length = about[i + 1] end
    if about[i] == 'entries-added' then added = about[i + 1] end -- since Redis 7
    if about[i] == 'first-entry' and about[i + 1] then first = about[i + 1][1] end
  end
else
  added = 0
end

local head = redis.call('HMGET', meta, 'epoch', 'server', 'since', 'added')
local epoch, since = head[1], head[3]
if not epoch or head[2] ~= here or added and head[4] and added < tonumber(head[4]) then
  epoch, since = ARGV[1], last
  redis.call('HSET', meta, 'epoch', epoch, 'server', here, 'since', since, 'added', added or 0)
elseif added and head[4] ~= tostring(added) then
  redis.pcall('HSET', meta, 'added', added) -- a server whose memory is full may refuse
end

local function ours(entry)
  local of
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'nsp' then of = entry[2][i + 1] end
  end
  return of == nsp
end

-- read calls f for entries of the namespace until it returns false.
local function read(command, from, to, f)
  while true do
    local part = redis.call(command, stream, from, to, 'COUNT', 100)
    for _, entry in ipairs(part) do
      if ours(entry) and not f(entry) then return end
    end
    if #part < 100 then return end
    from = '(' .. part[#part][1]
  end
end

local newest = ''
if nsp ~= '' then
  read('XREVRANGE', '+', '-', function(entry)
    newest = entry[1]
    return false
  end)
end

local got = {}
local function take(entry)
  for _, text in ipairs(entry[2]) do room = room - #text end
  if #got > 0 and room < 0 then return false end
  got[#got + 1] = entry
  return #got < most and room > 0
end
if direction == 'after' then
  read('XRANGE', edge, '+', take)
elseif direction == 'before' then
  read('XREVRANGE', edge, '-', take)
end
return {epoch, since, first, last, added == length and 0 or 1, newest, got}
