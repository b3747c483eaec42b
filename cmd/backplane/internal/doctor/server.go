package doctor

import (
	"context"
	"fmt"
	"time"
)

// connection finds whether the server can be reached, and as whom.
func connection(ctx context.Context, p *patient) finding {
	start := time.Now()
	var user, database string
	if err := p.scan(ctx, `SELECT current_user::text, current_database()::text`, &user, &database); err != nil {
		return finding{Status: fail, Detail: p.server.Where + ": " + p.server.ExplainSQL(err).Error(),
			Advice: "the rest is examined once the server can be reached"}
	}
	return fine("%s as %q, after %s", p.server.Where, user, milliseconds(time.Since(start)))
}

// oldest is the oldest version that its makers still mend; the library does not need more than 9.6.
const oldest = 140000

func version(ctx context.Context, p *patient) finding {
	var number int
	var text string
	if err := p.scan(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version')`, &number, &text); err != nil {
		return p.cannot(err)
	}
	if number < oldest {
		return finding{Status: warn, Detail: "PostgreSQL " + text + " gets no fixes any more", Advice: "upgrade it when you can"}
	}
	return fine("PostgreSQL %s", text)
}

// primary finds replicas, on which LISTEN and NOTIFY do not work, and sessions that may not write.
func primary(ctx context.Context, p *patient) finding {
	var replica, readOnly bool
	err := p.scan(ctx, `SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'`, &replica, &readOnly)
	switch {
	case err != nil:
		return p.cannot(err)
	case replica:
		return finding{Status: fail, Detail: "this is a replica: LISTEN and NOTIFY do not work here",
			Advice: "connect to the primary server (in the URL: target_session_attrs=read-write with all hosts)"}
	case readOnly:
		return finding{Status: fail, Detail: "transactions are read-only: no large message can be stored",
			Advice: "set default_transaction_read_only to off for this role and database"}
	}
	return fine("transactions may write")
}

// encoding finds databases that cannot carry all text.
func encoding(ctx context.Context, p *patient) finding {
	var name string
	if err := p.scan(ctx, `SELECT current_setting('server_encoding')`, &name); err != nil {
		return p.cannot(err)
	}
	if name != "UTF8" {
		return finding{Status: fail, Detail: "the database keeps text in " + name + ": messages with other characters fail",
			Advice: "create a database with ENCODING 'UTF8' for the cluster"}
	}
	return fine("UTF8")
}

// queue finds out how full the queue of all notifications is.
func queue(ctx context.Context, p *patient) finding {
	var usage float64
	if err := p.scan(ctx, `SELECT pg_notification_queue_usage()`, &usage); err != nil {
		return p.cannot(err)
	}
	f := fine("%.1f %% of the server's queue of notifications is in use", 100*usage)
	if usage > 0.1 {
		f.Status = warn
		f.Advice = "find who listens but does not read, or stays in a transaction: SELECT pid, application_name, state, xact_start FROM pg_stat_activity ORDER BY xact_start"
	}
	if usage > 0.5 {
		f.Status = fail // at 1 every NOTIFY fails, in all databases of the server
	}
	return f
}

// connections finds out whether more nodes can connect.
func connections(ctx context.Context, p *patient) finding {
	var used, most int
	err := p.scan(ctx, `SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
		current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`, &used, &most)
	if err != nil {
		return p.cannot(err)
	}
	f := fine("%d of %d in use; a node takes 2, and its pool", used, most)
	if used > most*9/10 {
		f.Status, f.Advice = warn, "raise max_connections, or make pools smaller"
	}
	return f
}

// skew is by how much clocks may differ. Nothing breaks above: the age of attachments is the server's business alone.
const skew = 2 * time.Second

// clock compares the clock of the server with that of this machine.
func clock(ctx context.Context, p *patient) finding {
	conn, err := p.conn(ctx)
	if err != nil {
		return p.cannot(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT 1"); err != nil { // connecting takes time that the answer does not
		return p.cannot(err)
	}
	var seconds float64
	sent := time.Now()
	if err := conn.QueryRowContext(ctx, `SELECT extract(epoch FROM clock_timestamp())::float8`).Scan(&seconds); err != nil {
		return p.cannot(err)
	}
	trip := time.Since(sent)
	ahead := time.Duration(seconds*1e9) - time.Duration(sent.Add(trip/2).UnixNano())
	detail := fmt.Sprintf("the server's is ahead of this machine's by %s", milliseconds(ahead))
	if ahead < 0 {
		detail = fmt.Sprintf("the server's is behind this machine's by %s", milliseconds(-ahead))
	}
	if ahead.Abs() > skew {
		return finding{Status: warn, Detail: detail, Advice: "synchronise the clocks (NTP): times in logs do not fit together"}
	}
	return fine("%s", detail)
}
