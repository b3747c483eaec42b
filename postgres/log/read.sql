
-- Returns which messages of a channel can be read: those after trimmed up to newest. An empty log has none, and its
-- next message has the offset newest + 1. The epoch is '' if the next message begins a new one: then nothing can be
-- read before @check@ was called. The functions that read have one snapshot, that of their caller, and lock all
-- tables of the ring: so no table is emptied in between.
CREATE OR REPLACE FUNCTION @bounds@(of_channel text, OUT epoch text, OUT trimmed bigint, OUT newest bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS @quote@
BEGIN
  RETURN QUERY
    SELECT CASE WHEN c.incarnation = @incarnation@(c.slot)
        AND (NOT c.asynchronous OR EXISTS (SELECT FROM @marker@ AS m WHERE m.epoch = c.epoch)) THEN c.epoch ELSE '' END,
      coalesce((SELECT min(s.first) FROM (
@first_rows@
      ) AS s), h.next) - 1, h.next - 1
    FROM @table@ AS c, LATERAL (SELECT coalesce(greatest(
      (SELECT max(s.next) FROM (
@last_rows@
        ) AS s),
      (SELECT h.next FROM @heads@ AS h WHERE h.channel = of_channel)), c.floor + 1) AS next) AS h
    WHERE c.one;
END
@quote@;

-- Begins a new epoch if the log is not the one that was written: if its tables were replaced, if a crash may have lost
-- messages, or if a message of its epoch that was received is not in it, because an older copy of the server has taken
-- its place. A received offset of NULL means that nothing was received.
CREATE OR REPLACE FUNCTION @check@(of_channel text, of_epoch text, received bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s'
AS @quote@
DECLARE
  log record;
BEGIN
  PERFORM pg_advisory_xact_lock(@lock@);
  SELECT * INTO log FROM @bounds@(of_channel);
  IF log.epoch = '' OR log.epoch = of_epoch AND log.newest < received THEN
    PERFORM @renew@();
  END IF;
END
@quote@;

-- Returns the bounds as its first row: trimmed, newest and the epoch. The following rows are those of the ring that
-- contain the messages of a channel after an offset, in order, until they have enough messages or bytes.
CREATE OR REPLACE FUNCTION @replay@(of_channel text, after_offset bigint, max_messages bigint, max_bytes bigint,
  OUT first bigint, OUT n bigint, OUT payloads bytea) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off
AS @quote@
DECLARE
  messages bigint := 0;
  bytes bigint := 0;
BEGIN
  RETURN QUERY SELECT b.trimmed, b.newest, convert_to(b.epoch, 'UTF8') FROM @bounds@(of_channel) AS b;
  FOR first, n, payloads IN
    -- Each table is read in the order of its index, and the planner merges them. It must not sort what they have: that
    -- would read the rest of the log each time.
    SELECT r.first, r.n, r.payloads FROM (
@rows_after@
    ) AS r ORDER BY r.first
  LOOP
    RETURN NEXT;
    messages := messages + first + n - greatest(first, after_offset + 1);
    bytes := bytes + octet_length(payloads);
    EXIT WHEN messages >= max_messages OR bytes >= max_bytes;
  END LOOP;
END
@quote@;

-- Returns the bounds, and then the rows that contain the last messages of a channel before an offset, in descending
-- order, until they have enough messages or bytes.
CREATE OR REPLACE FUNCTION @latest@(of_channel text, before_offset bigint, max_messages bigint, max_bytes bigint,
  OUT first bigint, OUT n bigint, OUT payloads bytea) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off
AS @quote@
DECLARE
  messages bigint := 0;
  bytes bigint := 0;
BEGIN
  RETURN QUERY SELECT b.trimmed, b.newest, convert_to(b.epoch, 'UTF8') FROM @bounds@(of_channel) AS b;
  FOR first, n, payloads IN
    SELECT r.first, r.n, r.payloads FROM (
@rows_before@
    ) AS r ORDER BY r.first DESC
  LOOP
    RETURN NEXT;
    messages := messages + least(first + n, before_offset) - first;
    bytes := bytes + octet_length(payloads);
    EXIT WHEN messages >= max_messages OR bytes >= max_bytes;
  END LOOP;
END
@quote@;

-- Describes the log. The first row has its size in bytes, when the oldest message was kept (microseconds since 1970, or
-- 0), and the epoch. The others have trimmed, newest and the name of each channel that begins with prefix.
CREATE OR REPLACE FUNCTION @inspect@(prefix text, OUT a bigint, OUT b bigint, OUT c bytea) RETURNS SETOF record
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS @quote@
BEGIN
  RETURN QUERY
    SELECT (SELECT sum(pg_total_relation_size(r)) FROM unnest(ARRAY[@all_tables@]::regclass[]) AS r)::bigint,
      coalesce((extract(epoch FROM (SELECT min(s.at) FROM (@all_times@) AS s (at))) * 1000000)::bigint, 0),
      convert_to(t.epoch, 'UTF8')
    FROM @table@ AS t;
  RETURN QUERY
    SELECT bounds.trimmed, bounds.newest, convert_to(known.channel, 'UTF8')
    FROM (SELECT DISTINCT k.channel FROM (SELECT h.channel FROM @heads@ AS h UNION ALL @all_slots@) AS k) AS known,
      @bounds@(known.channel) AS bounds
    WHERE starts_with(known.channel, prefix) ORDER BY known.channel;
END
@quote@;
