package logged

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// Postgres is a PostgreSQL server, with both drivers.
var Postgres = Engine{
	Name:   "postgres",
	places: []place{{"a (pgx)", "pgx"}, {"b (lib/pq)", "pq"}, {"c (pgx)", "pgx"}},
	faults: postgresFaults,
	others: 1,
	start:  startPostgres,
}

const ours = "application_name LIKE 'backplane%' AND pid <> pg_backend_pid()"

var postgresFaults = []Fault{
	{name: "terminate listeners", server: true, passing: true, do: terminate(pgtest.Listeners)},
	{name: "terminate publishers", server: true, passing: true, do: terminate(pgtest.Publishers)},
	{name: "terminate all", server: true, after: 1500 * ms1, do: terminate("true")},
	{name: "restart", server: true, most: time.Second, after: 2 * time.Second, do: down(pgtest.Fast)},
	{name: "immediate stop", server: true, crash: true, most: 2 * time.Second, after: 2 * time.Second,
		do: down(pgtest.Immediate)},
	{name: "table locked", server: true, least: 300 * ms1, most: 3 * time.Second, after: 500 * ms1, do: lockTables},
	{name: "clock jump", server: true, passing: true, do: jump},
}

// postgresServer implements server.
type postgresServer struct {
	*pgtest.Server
	clock *clock // nil: the clock cannot jump
}

func startPostgres(ctx context.Context) (server, error) {
	s := &postgresServer{}
	var err error
	if s.clock, err = newClock(); err != nil {
		return nil, err
	}
	var env []string
	if s.clock != nil {
		env = s.clock.environment()
	}
	if s.Server, err = pgtest.StartWith(ctx, env, "fsync=off"); err != nil {
		return nil, errors.Join(err, s.clock.remove())
	}
	return s, nil
}

func (s *postgresServer) Stop() error { return errors.Join(s.Server.Stop(), s.clock.remove()) }

func (s *postgresServer) remark() string {
	if s.clock == nil {
		return "The clock of the server did not jump: libfaketime is not installed."
	}
	return ""
}

func (s *postgresServer) database() worker.Database { return worker.Database(s.URL()) }

func (s *postgresServer) sessions(ctx context.Context) int {
	return s.database().Count(ctx, "SELECT count(*) FROM backplane_sessions", -1)
}

func (s *postgresServer) connections(ctx context.Context) (listening, others, all int) {
	count := func(condition string) int {
		query := "SELECT count(*) FROM pg_stat_activity WHERE " + ours + " AND (" + condition + ")"
		return s.database().Count(ctx, query, -1)
	}
	return count(pgtest.Listeners), count(pgtest.Publishers), count("true")
}

// postgres returns the server of a run with PostgreSQL.
func (r *run) postgres() *postgresServer { return r.server.(*postgresServer) }

func terminate(condition string) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, _ Step) error {
		return r.postgres().database().Exec(ctx,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+ours+" AND ("+condition+")")
	}
}

func down(mode pgtest.Mode) func(context.Context, *run, Step) error {
	return func(ctx context.Context, r *run, s Step) error {
		if err := r.postgres().ShutDown(mode); err != nil {
			return err
		}
		err := wait(ctx, s.For)
		for end := time.Now().Add(patience); ; {
			// The remaining processes of a stopped server may block the start for a while.
			again := r.postgres().StartUp(context.Background())
			if again == nil || time.Now().After(end) {
				return errors.Join(err, again)
			}
			time.Sleep(100 * ms1)
		}
	}
}

// lockTables locks all tables of the library, or those of the log.
func lockTables(ctx context.Context, r *run, s Step) error {
	conn, err := r.postgres().database().Connect(ctx)
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

// jump sets the clock of the server to another time. The steps of all jumps together stay within a quarter of the time
// for which clients can be recovered.
func jump(_ context.Context, r *run, s Step) error {
	if r.postgres().clock == nil {
		return errors.New("skipped: libfaketime is not installed")
	}
	most := int64(r.options.Away / 4 / time.Second)
	random := rand.New(rand.NewPCG(s.Dice, 0))
	return r.postgres().clock.set(time.Duration(random.Int64N(2*most+1)-most) * time.Second)
}
