
-- Makes the next slot the current one, after it has removed the messages there, if the current slot is older than a
-- sixth of max_age or larger than an eighth of max_bytes. Removes the messages of the oldest slot if all together are
-- larger than max_bytes. NULL means no limit. It returns whether it should be called again at once. It does nothing
-- while another session does the same.
CREATE OR REPLACE FUNCTION @trim@(max_age interval, max_bytes bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms'
AS @quote@
DECLARE
  control @table@;
  following integer;
  oldest integer;
  forgotten bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(@trim_lock@) THEN
    RETURN false;
  END IF;
  SELECT * INTO control FROM @table@;
  following := (control.slot + 1) % 8;
  SELECT (control.slot + min(i)) % 8 INTO oldest FROM generate_series(1, 8) AS i
    WHERE pg_relation_size(@slot_function@((control.slot + i) % 8)) > 0;
  IF oldest IS NULL THEN -- nothing is kept, so nothing is written
    RETURN false;
  END IF;
  IF oldest <> control.slot
    AND (SELECT sum(pg_total_relation_size(@slot_function@(i))) FROM generate_series(0, 7) AS i) > max_bytes
  THEN
    EXECUTE 'TRUNCATE ' || @slot_function@(oldest);
    RETURN true;
  ELSIF (clock_timestamp() >= control.slot_since + max_age / 6) IS NOT TRUE
    AND (pg_total_relation_size(@slot_function@(control.slot)) >= max_bytes / 8) IS NOT TRUE
  THEN
    RETURN false;
  ELSIF oldest = following THEN
    -- In a transaction of its own, because the lock of the log should not be held while a file is removed.
    EXECUTE 'TRUNCATE ' || @slot_function@(following);
    RETURN true;
  END IF;

  PERFORM pg_advisory_xact_lock(@lock@);
  SELECT * INTO control FROM @table@;
  IF control.incarnation <> @incarnation@(control.slot) THEN
    PERFORM @renew@();
    RETURN false;
  ELSIF following <> (control.slot + 1) % 8 THEN
    RETURN true;
  END IF;
  EXECUTE format('INSERT INTO %s SELECT channel, max(first + n) FROM %s GROUP BY channel '
    'ON CONFLICT (channel) DO UPDATE SET next = excluded.next', @heads_text@, @slot_function@(control.slot));
  -- Forgotten channels begin after all that were forgotten. This invalidates positions of channels without messages,
  -- so it is done only if there are many.
  IF (SELECT count(*) FROM @heads@) > 10000 THEN
    WITH gone AS (DELETE FROM @heads@ AS h WHERE NOT EXISTS (
        SELECT FROM (@all_slots@) AS s (channel) WHERE s.channel = h.channel) RETURNING next)
    SELECT max(next) - 1 INTO forgotten FROM gone;
  END IF;
  UPDATE @table@ AS c SET slot = following, slot_since = clock_timestamp(), floor = greatest(c.floor, forgotten),
    incarnation = @incarnation@(following);
  RETURN false;
END
@quote@;
