
-- Messages that transactions of the application have appended. They wait here until a node moves them. An index would
-- make these transactions slower, and the table is small: it has no more than what was appended since the last vacuum.
CREATE TABLE IF NOT EXISTS @outbox@ (
  id bigserial,
  channel text NOT NULL CHECK (octet_length(channel) BETWEEN 1 AND 63),
  payload text NOT NULL CHECK (octet_length(payload) < 8000),
  keep boolean NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Moves committed messages of the outbox, up to a number of them, into the log, in the order of their ids, and notifies
-- of them. It returns how many it has moved, and whether more are waiting. It does nothing while another session does
-- the same.
CREATE OR REPLACE FUNCTION @move@(most integer, OUT moved integer, OUT more boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
AS @quote@
DECLARE
  waiting integer;
  places tid[];
  all_channels text[];
  all_payloads text[];
  all_keep boolean[];
  channels text[];
  counts integer[];
  runs text[];
  blobs bytea[];
BEGIN
  moved := 0;
  more := false;
  IF NOT pg_try_advisory_xact_lock(@move_lock@) OR NOT EXISTS (SELECT FROM @outbox@) THEN
    RETURN;
  END IF;

  -- The messages end before one that equals an earlier one, because PostgreSQL would notify of the two only once; or
  -- before the notification for the sessions of the log, or the payloads, would be too large.
  WITH first AS MATERIALIZED (
    SELECT o.ctid AS place, o.* FROM @outbox@ AS o ORDER BY id LIMIT most
  ), measured AS (
    SELECT first.*, octet_length(payload) AS size,
      row_number() OVER (PARTITION BY channel, hashtextextended(payload, 0) ORDER BY id) > 1 AS again,
      lag(keep) OVER (PARTITION BY channel ORDER BY id) AS before
    FROM first
  ), summed AS (
    SELECT *, bool_or(again) OVER w AS equal, sum(size) OVER w AS bytes, sum(
        CASE WHEN before IS NULL THEN 50 + octet_length(channel) WHEN before <> keep THEN 8 ELSE 0 END) OVER w AS header
    FROM measured WINDOW w AS (ORDER BY id)
  ), chosen AS (
    SELECT *, row_number() OVER (ORDER BY id) AS i FROM summed
  )
  SELECT max(i),
    array_agg(place ORDER BY id) FILTER (WHERE fits), array_agg(channel ORDER BY id) FILTER (WHERE fits),
    array_agg(payload ORDER BY id) FILTER (WHERE fits), array_agg(keep ORDER BY id) FILTER (WHERE fits)
  INTO waiting, places, all_channels, all_payloads, all_keep
  FROM (SELECT *, i = 1 OR NOT equal AND bytes < 1048576 AND header < 7900 AS fits FROM chosen) AS c;
  moved := coalesce(cardinality(places), 0);
  IF moved = 0 THEN
    RETURN;
  END IF;
  more := moved < waiting OR waiting >= most;

  DELETE FROM @outbox@ WHERE ctid = ANY (places);
  GET DIAGNOSTICS waiting = ROW_COUNT;
  IF waiting <> moved THEN
    RAISE EXCEPTION 'backplane: somebody else removes messages from the outbox'
      USING ERRCODE = 'object_in_use';
  END IF;

  WITH m AS (
    SELECT channel, payload, keep, i,
      row_number() OVER (PARTITION BY channel ORDER BY i) -
        row_number() OVER (PARTITION BY channel, keep ORDER BY i) AS run
    FROM unnest(all_channels, all_payloads, all_keep) WITH ORDINALITY AS u (channel, payload, keep, i)
  ), kept AS (
    SELECT channel, min(i) AS i, count(*)::integer AS n, array_send(array_agg(payload ORDER BY i)) AS blob
    FROM m WHERE keep GROUP BY channel
  ), run AS (
    SELECT channel, keep, min(i) AS i, count(*) AS n FROM m GROUP BY channel, keep, run
  ), runs AS (
    SELECT channel, CASE WHEN bool_and(keep) THEN NULL ELSE
      CASE WHEN (array_agg(keep ORDER BY i))[1] THEN '' ELSE '0,' END || string_agg(n::text, ',' ORDER BY i) END AS list
    FROM run GROUP BY channel
  )
  SELECT array_agg(kept.channel ORDER BY kept.i), array_agg(kept.n ORDER BY kept.i),
    array_agg(runs.list ORDER BY kept.i), array_agg(kept.blob ORDER BY kept.i)
  INTO channels, counts, runs, blobs
  FROM kept JOIN runs USING (channel);
  IF channels IS NULL THEN
    PERFORM count(pg_notify(u.channel, u.payload)) FROM unnest(all_channels, all_payloads) AS u (channel, payload);
  ELSE
    PERFORM @append@(channels, counts, runs, blobs, all_channels, all_payloads);
  END IF;
END
@quote@;
