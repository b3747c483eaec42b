package engine

import (
	"fmt"
	"math/rand/v2"
)

// fence returns the statements that a connection runs before it publishes. They ensure that no earlier
// connection of the same bus can commit any more. That matters after an error that leaves the outcome of a
// message unknown: its statement may still be on its way to the server, or may wait there for a lock, and could
// commit after messages that are published later.
//
// Every publishing session holds an advisory lock on key, a number of this bus. The server releases the lock
// when the session has ended, which is after its last transaction. If another session holds the lock, the fence
// terminates that session, provided that it looks like a session of this bus. Behind a proxy that shares one
// session between several clients, for example, it does not. In both cases the fence waits for the lock.
func fence(key int64) string {
	return fmt.Sprintf(`SELECT CASE WHEN pg_try_advisory_lock(%[1]d) THEN 0 ELSE (
  SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l
  JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database() AND a.usename = session_user
                         AND a.application_name = current_setting('application_name')
  WHERE l.locktype = 'advisory' AND l.database = a.datid AND l.objsubid = 1
    AND l.classid::bigint = %[2]d AND l.objid::bigint = %[3]d AND l.pid <> pg_backend_pid()) END;
SELECT pg_advisory_lock(%[1]d)`, key, key>>32, key&0xffffffff)
}

// newFence returns the fence of a new bus.
func newFence() string { return fence(rand.Int64()) }
