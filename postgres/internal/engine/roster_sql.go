package engine

import "fmt"

// ownEntry selects the id and the name of the entry of this connection, given the keys of its lock. It returns
// no row if this connection does not have the lock.
const ownEntry = `SELECT a.pid || '.' || l.objid, a.application_name
FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.database = a.datid
WHERE a.pid = pg_backend_pid() AND l.locktype = 'advisory' AND l.objsubid = 2
  AND l.classid::bigint = %d AND l.objid::bigint = %d`

// selectEntries selects for each connection of the database whose name starts with $1: whether it is marked by
// a lock, the length of its id in bytes, and its id followed by its name.
//
// The locks and the names are read one after the other. A connection that enters acquires its lock before it
// sets its name, and loses it after the name when it is closed. So the locks are read before and after the
// names: a marked connection has its lock in one of the two. The conditions on the counts, which are always true,
// put the three in this order. When a connection is terminated, however, the server releases its locks before it
// removes its name. It may then be shown without its mark, for the fraction of a millisecond in between.
//
// The three are grouped and not joined, because the planner expects few rows and would choose nested loops.
//
// The time at which a connection of another role was opened is NULL, unless this role is a member of
// pg_read_all_stats. A session that runs a parallel query appears only once.
var selectEntries = fmt.Sprintf(`WITH
this(id) AS (SELECT oid FROM pg_database WHERE datname = current_database()),
early AS MATERIALIZED (%[1]s),
shown AS MATERIALIZED (
  SELECT pid, backend_start, application_name AS name FROM pg_stat_activity
  WHERE (SELECT count(*) FROM early) >= 0 AND datid = (SELECT id FROM this)
    AND application_name <> '' AND starts_with(application_name, $1::text)
    AND coalesce(backend_type, 'client backend') = 'client backend'),
late AS MATERIALIZED (%[1]s AND (SELECT count(*) FROM shown) >= 0),
found(pid, name, start, key) AS (
  SELECT pid, max(name), max(backend_start), max(key) FROM (
    SELECT pid, name, backend_start, NULL::bigint AS key FROM shown
    UNION ALL SELECT pid, NULL, NULL, objid::bigint FROM early
    UNION ALL SELECT pid, NULL, NULL, objid::bigint FROM late) AS rows
  GROUP BY pid HAVING count(name) > 0),
entries(marked, id, name) AS (
  SELECT (key IS NOT NULL)::int::bigint,
    pid || coalesce('.' || key, '@' || (extract(epoch FROM start) * 1000000)::bigint, ''), name
  FROM found)
SELECT marked, length(id)::bigint, convert_to(id || name, 'UTF8') FROM entries`, fmt.Sprintf(entryLocks, entryLock))

// entryLocks selects the locks of the entries in the database this.
const entryLocks = `SELECT pid, objid FROM pg_locks
  WHERE locktype = 'advisory' AND objsubid = 2 AND classid::bigint = %d AND database = (SELECT id FROM this)`
