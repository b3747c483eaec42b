
CREATE OR REPLACE FUNCTION @version_function@() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT @version@';

-- A table of the ring. This function and the next one are parts of the others, in whose statements the planner
-- expands them; they have no search_path of their own, because that would prevent it.
CREATE OR REPLACE FUNCTION @slot_function@(slot integer) RETURNS regclass
LANGUAGE sql STABLE
AS @quote@ SELECT (@slot_prefix@ || $1 || '"')::pg_catalog.regclass @quote@;

-- Identifies the files of a slot and of the heads, and the timeline of the server. They change if somebody truncates
-- these tables, if a dump is restored, and if a replica or a backup takes the place of the server.
CREATE OR REPLACE FUNCTION @incarnation@(slot integer) RETURNS text
LANGUAGE sql VOLATILE
AS @quote@
  SELECT pg_catalog.pg_relation_filenode((@slot_prefix@ || $1 || '"')::pg_catalog.regclass) || '.' ||
    pg_catalog.pg_relation_filenode(@heads_text@::pg_catalog.regclass) || '.' ||
    pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8)
@quote@;

-- Begins a new epoch. The caller has the lock of the log.
CREATE OR REPLACE FUNCTION @renew@() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
AS @quote@
DECLARE
  fresh text := left(md5(gen_random_uuid()::text), 8);
BEGIN
  TRUNCATE @slots@, @heads@, @marker@;
  INSERT INTO @marker@ VALUES (fresh);
  INSERT INTO @table@ AS c (epoch, slot, slot_since, floor, incarnation, asynchronous)
    VALUES (fresh, 0, clock_timestamp(), 0, @incarnation@(0), false)
    ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, slot = 0, slot_since = excluded.slot_since, floor = 0,
      incarnation = excluded.incarnation;
END
@quote@;

-- Keeps messages and notifies of them and of others, all in the order given. channels has each channel with messages
-- to keep once, counts how many, and blobs these messages, in the binary format of text[]. to_channels and payloads
-- are the notifications. No two of them may be equal, because PostgreSQL would deliver only one of them.
--
-- runs says for each channel which of its messages in payloads are kept: the numbers of messages that are kept, not
-- kept, kept and so on, separated by commas. NULL means that all of them are kept.
--
-- A notification for the sessions of the log comes before them: the epoch, and for each channel the first offset, the
-- length of its name in bytes of UTF-8, its name, and runs, all separated by spaces. It returns the epoch and the
-- first offsets, separated by spaces.
CREATE OR REPLACE FUNCTION @append@(
  channels text[],
  counts integer[],
  runs text[],
  blobs bytea[],
  to_channels text[],
  payloads text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
AS @quote@
DECLARE
  control @table@;
  firsts bigint[];
  header text;
  fresh boolean;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'backplane: appending to the log needs the isolation level READ COMMITTED'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  -- Each statement after this one sees what those have committed that had the lock before.
  PERFORM pg_advisory_xact_lock(@lock@);
  SELECT * INTO control FROM @table@ WHERE one;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'backplane: the log has not been set up: its table has no row'
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run the SQL that creates the log again.';
  END IF;
  fresh := control.incarnation <> @incarnation@(control.slot)
    OR control.asynchronous AND NOT EXISTS (SELECT FROM @marker@ AS m WHERE m.epoch = control.epoch);
  IF fresh THEN
    PERFORM @renew@();
    SELECT * INTO control FROM @table@ WHERE one;
  END IF;
  IF current_setting('synchronous_commit') = 'off' AND NOT control.asynchronous THEN
    UPDATE @table@ SET asynchronous = true WHERE one;
    fresh := true;
  END IF;
  IF fresh AND current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true); -- a crash must not undo what follows from a change of epoch
  END IF;

  CASE control.slot
@append_slots@
  END CASE;

  header := control.epoch;
  FOR i IN 1 .. cardinality(channels) LOOP
    header := header || ' ' || firsts[i] || ' ' || octet_length(convert_to(channels[i], 'UTF8')) || ' ' ||
      channels[i] || ' ' || coalesce(runs[i], counts[i]::text);
  END LOOP;
  PERFORM pg_notify(@channel@, header);
  PERFORM count(pg_notify(m.channel, m.payload)) FROM unnest(to_channels, payloads) AS m (channel, payload);
  RETURN control.epoch || ' ' || array_to_string(firsts, ' ');
END
@quote@;
