package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

const endListeners = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + pgtest.Listeners +
	" AND pid <> pg_backend_pid()"

const ms1 = time.Millisecond

// wait waits for d. It returns an error if ctx ends first; the fault then ends early.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func stalled(d pgtest.Direction, only string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		proxy := r.nodes[s.Node].proxy
		proxy.StallOnly(d, only)
		defer proxy.Resume()
		return wait(ctx, s.For)
	}
}

func ordered(o Order) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		o.For = s.For.Microseconds()
		if err := r.nodes[s.Node].process.Tell(o); err != nil {
			return err
		}
		return wait(ctx, s.For)
	}
}

func statement(sql string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, _ Step) error { return r.database().Exec(ctx, sql) }
}

func down(mode pgtest.Mode) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		if err := r.server.ShutDown(mode); err != nil {
			return err
		}
		err := wait(ctx, s.For)
		return r.comeUp(err)
	}
}

func lockTable(ctx context.Context, r *run, s Step) error {
	conn, err := r.database().Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "BEGIN; LOCK TABLE "+postgres.DefaultTable+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	return wait(ctx, s.For)
}

// recreateTable drops all attachments. Later ones are numbered from 1 again.
func recreateTable(ctx context.Context, r *run, _ Step) error {
	schema, err := postgres.Schema(postgres.DefaultTable)
	if err != nil {
		return err
	}
	return r.database().Exec(ctx, fmt.Sprintf("BEGIN; SET lock_timeout = '3s'; DROP TABLE %s; %s; COMMIT",
		postgres.DefaultTable, schema))
}

// crashUnderLoad crashes the server while many attachments are neither on its disk nor read by all nodes. It
// creates as many afterwards, so that new rows may have the numbers of lost ones.
func crashUnderLoad(ctx context.Context, r *run, s Step) error {
	sendLarge := func(slow time.Duration) {
		for place := range r.nodes {
			if p := r.running(place); p != nil && places[place].driver != "node" {
				_ = p.Tell(Order{Do: DoSlow, For: slow.Microseconds()}) // fails if the process was killed
				_ = p.Tell(Order{Do: DoHeap, Count: 200})
			}
		}
	}
	sendLarge(3 * time.Second)
	if err := wait(ctx, 300*ms1); err != nil {
		return err
	}
	err := down(pgtest.Immediate)(ctx, r, s)
	sendLarge(0)
	return err
}

// during returns a fault that runs the SQL in first at its start and the SQL in then at its end. It repeats the
// latter until it succeeds.
func during(first, then string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		err := r.database().Exec(ctx, "SET lock_timeout = '2s'; "+first)
		if err == nil {
			err = wait(ctx, s.For)
		}
		return errors.Join(err, r.insist(then))
	}
}

// blockNotifications makes a transaction with a NOTIFY wait during its commit for a standby that does not
// exist. The transaction holds the lock that every NOTIFY of the server needs.
func blockNotifications(ctx context.Context, r *run, s Step) error {
	conn, err := r.database().Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = r.database().Exec(ctx, "CREATE TABLE IF NOT EXISTS chaos (x int); "+
		"ALTER SYSTEM SET synchronous_standby_names = "+
		"'nobody'; SELECT pg_reload_conf()")
	bounded, cancel := context.WithTimeout(ctx, s.For+5*time.Second)
	defer cancel()
	if err == nil {
		done := make(chan error, 1)
		go func() {
			_, err := conn.Exec(bounded, "BEGIN; INSERT INTO chaos VALUES (1); NOTIFY chaos; COMMIT")
			done <- err
		}()
		err = errors.Join(wait(ctx, s.For), r.insist(
			"ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf()"), <-done)
	}
	return err
}

// insist runs SQL until it succeeds, even if the run is interrupted.
func (r *run) insist(sql string) error {
	for end := time.Now().Add(patience); ; time.Sleep(100 * ms1) {
		err := r.database().Exec(context.Background(), sql)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}
