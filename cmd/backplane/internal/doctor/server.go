package doctor

import (
	"context"
	"fmt"
	"time"
)

// connection checks whether the server can be reached, and with which role.
func connection(ctx context.Context, s *subject) finding {
	start := time.Now()
	var user, database string
	if err := s.scan(ctx, `SELECT current_user::text, current_database()::text`, &user, &database); err != nil {
		return finding{Status: fail, Detail: s.sql.Where() + ": " + s.sql.ExplainSQL(err).Error(),
			Advice: "fix the connection; the other checks need it"}
	}
	return pass("%s as %q, after %s", s.sql.Where(), user, milliseconds(time.Since(start)))
}

// oldest is the oldest version that PostgreSQL maintains. The library needs 9.6.
const oldest = 140000

func version(ctx context.Context, s *subject) finding {
	var number int
	var text string
	query := `SELECT current_setting('server_version_num')::int, current_setting('server_version')`
	if err := s.scan(ctx, query, &number, &text); err != nil {
		return s.notChecked(err)
	}
	if number < oldest {
		return finding{Status: warn, Detail: "PostgreSQL " + text + " is no longer maintained",
			Advice: "upgrade it when you can"}
	}
	return pass("PostgreSQL %s", text)
}

// primary detects replicas, on which LISTEN and NOTIFY do not work, and sessions that are read-only.
func primary(ctx context.Context, s *subject) finding {
	var replica, readOnly bool
	query := `SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'`
	err := s.scan(ctx, query, &replica, &readOnly)
	switch {
	case err != nil:
		return s.notChecked(err)
	case replica:
		return finding{Status: fail, Detail: "this is a replica: LISTEN and NOTIFY do not work here",
			Advice: "connect to the primary server (list all hosts in the URL, with target_session_attrs=read-write)"}
	case readOnly && !s.flags.Legacy():
		return finding{Status: fail, Detail: "transactions are read-only: large messages cannot be stored",
			Advice: "set default_transaction_read_only to off for this role and database"}
	}
	if readOnly {
		return pass("this is no replica")
	}
	return pass("transactions may write")
}

// encoding detects databases that cannot store all text.
func encoding(ctx context.Context, s *subject) finding {
	var name string
	if err := s.scan(ctx, `SELECT current_setting('server_encoding')`, &name); err != nil {
		return s.notChecked(err)
	}
	if name != "UTF8" {
		return finding{Status: fail,
			Detail: "the encoding of the database is " + name + ": messages with characters outside it fail",
			Advice: "create a database with ENCODING 'UTF8' for the cluster"}
	}
	return pass("UTF8")
}

// queue checks how full the queue of notifications is. All databases of the server share it.
func queue(ctx context.Context, s *subject) finding {
	var usage float64
	if err := s.scan(ctx, `SELECT pg_notification_queue_usage()`, &usage); err != nil {
		return s.notChecked(err)
	}
	f := pass("%.1f %% of the server's notification queue is in use", 100*usage)
	if usage > 0.1 {
		f.Status = warn
		f.Advice = "find sessions that listen but do not read, or that keep a transaction open for a long time: " +
			"SELECT pid, application_name, state, xact_start FROM pg_stat_activity ORDER BY xact_start"
	}
	if usage > 0.5 {
		f.Status = fail // when the queue is full, NOTIFY fails in all databases of the server
	}
	return f
}

// connections checks whether more nodes can connect.
func connections(ctx context.Context, s *subject) finding {
	var used, limit int
	query := `SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`
	err := s.scan(ctx, query, &used, &limit)
	if err != nil {
		return s.notChecked(err)
	}
	needs := "2, plus those of its pool"
	if s.flags.Legacy() {
		needs = "2, one for each of up to 16 namespaces, and those of its pool"
	}
	f := pass("%d of %d are in use; a node needs %s", used, limit, needs)
	if used > limit*9/10 {
		f.Status, f.Advice = warn, "increase max_connections, or use smaller pools"
	}
	return f
}

// maxSkew is how much the clocks may differ without a warning. The cluster does not depend on equal clocks: only
// the server's clock counts for the age of attachments.
const maxSkew = 2 * time.Second

// clock compares the clock of the server with the clock of this machine.
func clock(ctx context.Context, s *subject) finding {
	conn, err := s.conn(ctx)
	if err != nil {
		return s.notChecked(err)
	}
	defer conn.Close()
	// The first query may include the time to connect. Only the second is measured.
	if _, err := conn.ExecContext(ctx, "SELECT 1"); err != nil {
		return s.notChecked(err)
	}
	var seconds float64
	sent := time.Now()
	query := `SELECT extract(epoch FROM clock_timestamp())::float8`
	if err := conn.QueryRowContext(ctx, query).Scan(&seconds); err != nil {
		return s.notChecked(err)
	}
	roundTrip := time.Since(sent)
	ahead := time.Duration(seconds*1e9) - time.Duration(sent.Add(roundTrip/2).UnixNano())
	detail := fmt.Sprintf("the server's clock is ahead of this machine's by %s", milliseconds(ahead))
	if ahead < 0 {
		detail = fmt.Sprintf("the server's clock is behind this machine's by %s", milliseconds(-ahead))
	}
	if ahead.Abs() > maxSkew {
		return finding{Status: warn, Detail: detail,
			Advice: "synchronize the clocks with NTP, so that the times in logs can be compared"}
	}
	return pass("%s", detail)
}
