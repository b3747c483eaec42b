package logged

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// inject injects the faults of the plan and returns when all are over.
func (r *run) inject(ctx context.Context) {
	var steps sync.WaitGroup
	defer steps.Wait()
	for _, s := range r.options.Plan.Steps {
		if wait(ctx, time.Until(r.began.Add(s.At))) != nil {
			return
		}
		if s.Place >= 0 && !r.members[s.Place].fault.TryLock() {
			r.log("skipped, because the previous fault of the node is not over yet: %v", s)
			continue
		}
		r.log("%v", s)
		r.mu.Lock()
		r.faults[s.What.name]++
		r.mu.Unlock()
		steps.Go(func() {
			if s.Place >= 0 {
				defer r.members[s.Place].fault.Unlock()
			}
			if (s.What.server || s.Place >= 0) && !s.What.passing {
				done := r.trouble(Trouble{Name: s.What.name, Place: s.Place, Crash: s.What.crash})
				defer func() { done(s.What.after) }()
			}
			if err := s.What.do(ctx, r, s); err != nil {
				r.log("%s: %v", s.What.name, err)
			}
		})
	}
	_ = wait(ctx, time.Until(r.began.Add(r.options.Length)))
}

// trouble records that a fault begins. The returned func records that it is over, and for how long it is felt then.
func (r *run) trouble(t Trouble) (over func(after time.Duration)) {
	t.From, t.To = now(), math.MaxInt64
	r.mu.Lock()
	defer r.mu.Unlock()
	index := len(r.history.Trouble)
	r.history.Trouble = append(r.history.Trouble, t)
	return func(after time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.history.Trouble[index].To = now() + after.Microseconds()
	}
}

// wait waits for d. It returns an error if ctx ends first; the fault then ends early.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func terminate(condition string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, _ Step) error {
		return r.database().Exec(ctx,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+ours+" AND ("+condition+")")
	}
}

func down(mode pgtest.Mode) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		if err := r.server.ShutDown(mode); err != nil {
			return err
		}
		err := wait(ctx, s.For)
		for end := time.Now().Add(patience); ; {
			// The remaining processes of a stopped server may block the start for a while.
			again := r.server.StartUp(context.Background())
			if again == nil || time.Now().After(end) {
				return errors.Join(err, again)
			}
			time.Sleep(100 * ms1)
		}
	}
}

// lockTables locks all tables of the library, or those of the log.
func lockTables(ctx context.Context, r *run, s Step) error {
	conn, err := r.database().Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	pattern := []string{"backplane%", "socket_io_attachments", "backplane_log%", "backplane_sessions"}[s.Dice%4]
	rows, err := conn.Query(ctx, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE $1",
		pattern)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) == 0 {
		return errors.Join(err, fmt.Errorf("there are %d tables like %s", len(tables), pattern))
	}
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = conn.Exec(bounded, "BEGIN; LOCK TABLE "+strings.Join(tables, ", ")+" IN ACCESS EXCLUSIVE MODE")
	if err != nil {
		return err
	}
	return wait(ctx, s.For)
}

func (r *run) database() worker.Database { return worker.Database(r.server.URL()) }
