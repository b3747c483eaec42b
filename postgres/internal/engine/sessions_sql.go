package engine

import "fmt"

// since is when the client of a session has gone away, or when the session was taken. It is NULL while the client is
// connected. taken is NULL, unless the session was taken and its new owner has not saved it: then it is the id of the
// call that has taken it, and what the call returns.
//
// Statements that change several sessions lock them in the order of the primary key, so that they do not lock each
// other out. They then change all that fulfill the same condition. They have no joins: if the statistics of the table
// are from the time before thousands of clients came, the server would compare each row with each key.

// saveSessions creates or replaces sessions. As for attachments, all states are sent as one bytea and their lengths.
// The arguments are the table and the expression that reads the bytes.
const saveSessions = `INSERT INTO %[1]s AS saved (scope, key, owner, since, taken, state)
SELECT scope, key, owner, CASE WHEN away THEN now() END, NULL, substring(whole.bytes FROM start::int FOR len)
FROM (SELECT %[2]s AS bytes OFFSET 0) AS whole, (
  SELECT *, sum(len) OVER (ORDER BY n) - len + 1 AS start
  FROM unnest($2::text::int[], $3::text::text[], $4::text::text[], $5::text::text[], $6::text::boolean[])
    WITH ORDINALITY AS m(len, scope, key, owner, away, n)) AS m
ORDER BY scope COLLATE "C", key COLLATE "C"
ON CONFLICT (scope, key) DO UPDATE
SET since = CASE WHEN excluded.since IS NULL OR saved.since IS NULL OR saved.taken IS NOT NULL
    THEN excluded.since ELSE saved.since END,
  taken = NULL, state = excluded.state
WHERE saved.owner = excluded.owner`

// takeSession changes the owner. A second taker waits for the first one's lock and then finds the session taken. $5 is
// the id of the call. When the call repeats the statement after the connection broke, it gets what it has taken before.
// The statement returns the id, 1 if the client was away or else 0, the owner before, and the state.
const takeSession = `WITH old AS (
  SELECT coalesce(taken, $5::text || CASE WHEN since IS NULL THEN '0' ELSE '1' END || owner) AS taken, state FROM %[1]s
  WHERE scope = $1::text AND key = $2::text AND (starts_with(taken, $5::text)
    OR taken IS NULL AND (since IS NULL OR since >= now() - make_interval(secs => $4::float8)))
  FOR UPDATE)
UPDATE %[1]s AS t SET owner = $3::text, since = now(), taken = old.taken FROM old
WHERE t.scope = $1::text AND t.key = $2::text
RETURNING t.taken, t.state`

const removeSessions = `WITH old AS (
  SELECT FROM %[1]s
  WHERE scope = $1::text AND owner = $2::text AND key = ANY (ARRAY(SELECT unnest($3::text::text[])))
  ORDER BY key FOR UPDATE)
DELETE FROM %[1]s
WHERE scope = $1::text AND owner = $2::text AND key = ANY (ARRAY(SELECT unnest($3::text::text[])))
  AND (SELECT count(*) FROM old) > 0`

// sessionOwners looks up one owner after the other in the index, instead of reading all sessions. It returns a JSON
// array.
const sessionOwners = `WITH RECURSIVE owners(owner) AS (
  SELECT min(owner) FROM %[1]s WHERE scope = $1::text AND (since IS NULL OR taken IS NOT NULL)
  UNION ALL
  SELECT (SELECT min(t.owner) FROM %[1]s AS t
    WHERE t.scope = $1::text AND (t.since IS NULL OR t.taken IS NOT NULL) AND t.owner > owners.owner)
  FROM owners WHERE owner IS NOT NULL)
SELECT coalesce(json_agg(owner)::text, '[]') FROM owners WHERE owner IS NOT NULL`

const abandonSessions = `WITH old AS (
  SELECT FROM %[1]s
  WHERE scope = $1::text AND owner = $2::text AND (since IS NULL OR taken IS NOT NULL) ORDER BY key FOR UPDATE)
UPDATE %[1]s SET since = now(), taken = NULL
WHERE scope = $1::text AND owner = $2::text AND (since IS NULL OR taken IS NOT NULL)
  AND (SELECT count(*) FROM old) > 0`

// expireSessions skips sessions that somebody is changing. A session that was taken and is not saved belongs to a node
// that does not know that it has it: its connection broke in the moment of taking.
const expireSessions = `WITH old AS (
  SELECT key FROM %[1]s
  WHERE scope = $1::text AND since < now() - make_interval(secs => $2::float8)
    AND (taken IS NULL OR since < now() - make_interval(secs => $2::float8 + 60))
  ORDER BY key FOR UPDATE SKIP LOCKED)
DELETE FROM %[1]s WHERE scope = $1::text AND key = ANY (ARRAY(SELECT key FROM old))`

// sessionStatements are the statements for a table.
type sessionStatements struct{ save, take, remove, owners, abandon, expire string }

func newSessionStatements(table, bytes string) sessionStatements {
	return sessionStatements{
		save:    fmt.Sprintf(saveSessions, table, bytes),
		take:    fmt.Sprintf(takeSession, table),
		remove:  fmt.Sprintf(removeSessions, table),
		owners:  fmt.Sprintf(sessionOwners, table),
		abandon: fmt.Sprintf(abandonSessions, table),
		expire:  fmt.Sprintf(expireSessions, table),
	}
}
