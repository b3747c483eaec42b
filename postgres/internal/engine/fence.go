package engine

import (
	"fmt"
	"math/rand/v2"
)

// fence returns the statements that a connection runs before it publishes. They make sure that no earlier connection of the
// same bus can commit anything any more. That matters after an error that leaves the fate of a message open: the statement may
// still be on its way to the server, or wait there for a lock, and commit after what was published later.
//
// Every publishing session holds an advisory lock on key, a number of this bus. The server gives it up when the session
// has ended, which is after its last transaction has. While another session has the lock it is ended, unless it does not
// look like one of this bus, as behind a proxy that lends one session to several clients; either way the lock is waited
// for.
func fence(key int64) string {
	return fmt.Sprintf(`SELECT CASE WHEN pg_try_advisory_lock(%[1]d) THEN 0 ELSE (
  SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l
  JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
                         AND a.usename = session_user AND a.application_name = current_setting('application_name')
  WHERE l.locktype = 'advisory' AND l.database = a.datid AND l.classid::bigint = %[2]d AND l.objid::bigint = %[3]d AND l.objsubid = 1
    AND l.pid <> pg_backend_pid()) END;
SELECT pg_advisory_lock(%[1]d)`, key, key>>32, key&0xffffffff)
}

// newFence returns the fence of a new bus.
func newFence() string { return fence(rand.Int64()) }
