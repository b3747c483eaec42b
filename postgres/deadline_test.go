package postgres_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// maxLateness is how long after the end of its context a call may return on a busy machine. The locks and outages in
// these tests last longer, and so does the shortest time limit of the drivers, that for connecting.
const maxLateness = 7 * time.Second

// subject is a driver, a session of it (if there is one) and the id of an attachment.
type subject struct {
	driver
	session transport.Session
	id      string
}

// operations are all methods of a driver that take a context.
var operations = map[string]func(ctx context.Context, on subject) error{
	"Publish": func(ctx context.Context, on subject) error { return on.Publish(ctx, messages("a", "maybe")...) },
	"Publish2": func(ctx context.Context, on subject) error {
		return on.Publish(ctx, messages("a", "maybe", "maybe")...)
	},
	"Open": func(ctx context.Context, on subject) error {
		s, err := on.Open(ctx)
		if err == nil {
			err = s.Close(ctx)
		}
		return err
	},
	"Prepare": func(ctx context.Context, on subject) error { return on.Prepare(ctx) },
	"Put":     func(ctx context.Context, on subject) error { return ignore(on.Put(ctx, []byte("body"))) },
	"Get":     func(ctx context.Context, on subject) error { return ignore(on.Get(ctx, on.id)) },
	"Expire":  func(ctx context.Context, on subject) error { return on.Expire(ctx, time.Hour) },
	"PutAll": func(ctx context.Context, on subject) error {
		return ignore(on.driver.(storage.Batch).PutAll(ctx, [][]byte{[]byte("a"), []byte("b")}))
	},
	"GetAll": func(ctx context.Context, on subject) error {
		return ignore(on.driver.(storage.Batch).GetAll(ctx, []string{on.id, on.id}))
	},
	"Close": func(ctx context.Context, on subject) error { return on.Close(ctx) },
}

// sessionOperations are the methods of a session.
var sessionOperations = map[string]func(ctx context.Context, on subject) error{
	"Listen":        func(ctx context.Context, on subject) error { return on.session.Listen(ctx, "b") },
	"Unlisten":      func(ctx context.Context, on subject) error { return on.session.Unlisten(ctx, "a") },
	"Receive":       func(ctx context.Context, on subject) error { return ignore(on.session.Receive(ctx)) },
	"Session.Close": func(ctx context.Context, on subject) error { return on.session.Close(ctx) },
}

func ignore[T any](_ T, err error) error { return err }

// contextTime is how long the context of a call lasts.
const contextTime = 100 * time.Millisecond

// inTime makes a call with a context that ends after contextTime, and requires that the call returns soon
// after.
func inTime(t *testing.T, call func(ctx context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), contextTime)
	defer cancel()
	start := time.Now()
	err := call(ctx)
	assert.Less(t, time.Since(start), contextTime+maxLateness, "the call returned late, with %v", err)
	return err
}

// eachOperation runs a test for each operation, on a driver all of whose connections go through a proxy. If
// connected, the connections are open already.
func eachOperation(
	t *testing.T, connected bool, test func(t *testing.T, proxy *pgtest.Proxy, call func(ctx context.Context) error),
) {
	all := maps.Clone(operations)
	if connected {
		maps.Copy(all, sessionOperations)
	}
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		schema, err := postgres.Schema(postgres.DefaultTable)
		require.NoError(t, err)
		pgtest.Exec(t, database, schema)
		for name, operation := range all {
			t.Run(name, func(t *testing.T) {
				proxy := pgtest.NewProxy(t, database)
				on := subject{id: "1"}
				on.driver, _ = k.open(t, proxy.URL(), proxy.URL(), postgres.Config{})
				t.Cleanup(func() {
					proxy.Cut() // otherwise abandoned calls wait for the pool's own timeouts
					_ = on.Close(within(t))
				})
				if connected {
					on.session = listen(t, on, "a")
					expect(t, on, on.session, "a")
					on.id, err = on.Put(within(t), []byte("body"))
					require.NoError(t, err)
				}
				test(t, proxy, func(ctx context.Context) error { return operation(ctx, on) })
			})
		}
	})
}

func TestNoCallIsLateWhenTheNetworkDropsPackets(t *testing.T) {
	for name, connected := range map[string]bool{"Connected": true, "Connecting": false} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, connected, func(t *testing.T, proxy *pgtest.Proxy, call func(ctx context.Context) error) {
				proxy.Stall(pgtest.Both)
				_ = inTime(t, call)
				_ = inTime(t, call) // in the state that the first call leaves
			})
		})
	}
}

func TestNoCallIsLateWhenTheTableIsLocked(t *testing.T) {
	eachOperation(t, true, func(t *testing.T, proxy *pgtest.Proxy, call func(ctx context.Context) error) {
		conn, err := pgx.Connect(within(t), proxy.URL())
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(within(t), "BEGIN; LOCK TABLE "+postgres.DefaultTable+" IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		_ = inTime(t, call)
	})
}

// TestServerEndsAbandonedStatements, while the table is still locked. Otherwise each attempt would leave a
// connection behind, until the server has none left.
func TestServerEndsAbandonedStatements(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		database := pgtest.Database(t)
		if pgtest.QueryInt(t, database, "SELECT current_setting('server_version_num')::int") < 140000 {
			t.Skip("needs client_connection_check_interval of PostgreSQL 14")
		}
		on := subject{driver: newDriver(t, k, database)}
		require.NoError(t, on.Prepare(within(t)))
		var err error
		on.id, err = on.Put(within(t), []byte("body"))
		require.NoError(t, err)
		conn, err := pgx.Connect(within(t), database)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		_, err = conn.Exec(within(t), "BEGIN; LOCK TABLE "+postgres.DefaultTable+" IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		for _, name := range []string{"Put", "PutAll", "Get", "GetAll", "Expire"} {
			for range 3 {
				ctx, abandon := context.WithCancel(within(t))
				done := make(chan error, 1)
				go func() { done <- operations[name](ctx, on) }()
				// pgx asks the server to cancel a statement. The server ignores that until it has the statement.
				waitUntilSome(t, database, "wait_event_type = 'Lock'", name)
				abandon()
				require.Error(t, <-done, name)
				waitUntilNone(t, database, "wait_event_type = 'Lock'", name)
			}
		}
		_, err = conn.Exec(within(t), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, operations["Put"](within(t), on), "the driver must work again")
	})
}
