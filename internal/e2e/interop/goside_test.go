package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

// The drivers of the Go sides.
const (
	pgxDriver = "pgx"
	pqDriver  = "pq"
)

// goOpener opens sides on one Go node.
type goOpener struct {
	cluster *backplane.Cluster
	errors  *interop.Inbox[error] // errors that ErrorHandler received

	mu      sync.Mutex
	changed chan struct{} // closed when a peer joins or leaves any namespace
}

// startGo opens a cluster on a driver. It is closed at the end of the test, which fails if ErrorHandler received an
// error that the test did not take from errors.
func (w *world) startGo(t *testing.T, driver string, change ...func(*backplane.Config)) *goOpener {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := &goOpener{errors: new(interop.Inbox[error]), changed: make(chan struct{})}
	config := backplane.Config{
		Bus:               w.newBus(t, ctx, driver),
		ChannelPrefix:     w.prefix,
		PayloadThreshold:  w.threshold,
		HeartbeatInterval: goHeartbeat,
		HeartbeatTimeout:  heartbeatTimeout,
		ErrorHandler:      o.errors.Put,
		Trace: backplane.Trace{
			PeerJoined: func(string, string) { o.change() },
			PeerLeft:   func(string, string, bool) { o.change() },
		},
	}
	switch {
	case w.legacy:
		config.Dialect = legacy.Dialect{}
	case w.redis != nil:
		config.Dialect = w.redisDialect()
	}
	for _, f := range change {
		f(&config)
	}
	cluster, err := backplane.Open(ctx, config)
	require.NoError(t, err)
	o.cluster = cluster
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, cluster.Close(ctx))
		for _, err := range o.errors.Take() {
			t.Errorf("reported by the Go node on %s: %v", driver, err)
		}
	})
	return o
}

func (w *world) newBus(t *testing.T, ctx context.Context, driver string) transport.Bus {
	t.Helper()
	if w.redis != nil {
		return w.newRedisBus(t)
	}
	config := postgres.Config{Table: w.table}
	if driver == pqDriver {
		db, err := sql.Open("postgres", w.url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return pqdriver.NewWithConfig(db, w.url, pqdriver.Config{Config: config})
	}
	pool, err := pgxpool.New(ctx, w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: config})
}

func (o *goOpener) change() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *goOpener) changes() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

func (o *goOpener) nodes() int { return 1 }

func (o *goOpener) open(ctx context.Context, nsp string) (side, error) {
	s := &goSide{opener: o, clients: make(map[string]*goClient), answers: make(map[string]*interop.Ack)}
	s.registry = backplane.NewRegistry(backplane.RegistryConfig{
		JoinRoom:       func(room, id string) { s.roomEvent("join-room", room, id) },
		LeaveRoom:      func(room, id string) { s.roomEvent("leave-room", room, id) },
		ServerSideEmit: s.serverSide,
	})
	var err error
	s.ns, err = o.cluster.Namespace(ctx, nsp, s.registry)
	return s, err
}

// goSide is a side on a Go node.
type goSide struct {
	opener   *goOpener
	ns       *backplane.Namespace
	registry *backplane.Registry
	emitted  interop.Inbox[interop.Event]

	mu      sync.Mutex // guards the maps
	clients map[string]*goClient
	answers map[string]*interop.Ack // answers to server-side events
}

func (s *goSide) kind() kind  { return kind{adapter: adapterGo} }
func (s *goSide) UID() string { return s.ns.UID() }

func (s *goSide) target(to interop.Target) backplane.Target {
	t := s.ns.Except(to.Except...)
	if to.TimeoutMS > 0 {
		t = t.Timeout(time.Duration(to.TimeoutMS) * time.Millisecond)
	}
	if len(to.To) > 0 { // no rooms means all sockets in a Target of these tests
		t = t.To(to.To...)
	}
	if to.Volatile {
		t = t.Volatile()
	}
	if to.Local {
		t = t.Local()
	}
	if to.Compress != nil {
		t = t.Compress(*to.Compress)
	}
	return t
}

func (s *goSide) Emit(ctx context.Context, to interop.Target, event string, args ...any) error {
	return s.target(to).Emit(ctx, event, args...)
}

func (s *goSide) EmitAsync(to interop.Target, event string, args ...any) error {
	return s.target(to).EmitAsync(event, args...)
}

func (s *goSide) EmitWithAck(ctx context.Context, to interop.Target, event string, args ...any) (interop.Answer,
	error) {
	return answerOf(s.target(to).EmitWithAck(ctx, event, args...))
}

func (s *goSide) Join(ctx context.Context, to interop.Target, rooms ...string) error {
	return s.target(to).SocketsJoin(ctx, rooms...)
}

func (s *goSide) Leave(ctx context.Context, to interop.Target, rooms ...string) error {
	return s.target(to).SocketsLeave(ctx, rooms...)
}

func (s *goSide) Disconnect(ctx context.Context, to interop.Target, closing bool) error {
	return s.target(to).DisconnectSockets(ctx, closing)
}

func (s *goSide) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return s.ns.ServerSideEmit(ctx, event, args...)
}

func (s *goSide) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) (interop.Answer, error) {
	return answerOf(s.ns.ServerSideEmitWithAck(ctx, event, args...))
}

func (s *goSide) OnServerSide(_ context.Context, event string, ack *interop.Ack) error {
	if ack == nil {
		ack = interop.Echo()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[event] = ack
	return nil
}

func (s *goSide) NextServerSide(ctx context.Context) (interop.Event, error) {
	return s.emitted.Next(ctx)
}

func (s *goSide) ServerCount(context.Context) (int, error) { return s.ns.ServerCount(), nil }

func (s *goSide) AwaitServerCount(ctx context.Context, count int) error {
	for {
		changed := s.opener.changes()
		if s.ns.ServerCount() == count {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *goSide) Close(ctx context.Context) error { return s.ns.Close(ctx) }

// answerOf converts the result of a request. A PartialError is part of the answer.
func answerOf(got []backplane.Value, err error) (interop.Answer, error) {
	a := interop.Answer{Values: []any{}}
	var partial *backplane.PartialError
	if errors.As(err, &partial) && partial.Err != nil {
		a.Error, err = partial.Err.Error(), nil
	}
	for _, v := range got {
		plain, e := plainOf(v)
		if e != nil {
			return a, e
		}
		a.Values = append(a.Values, plain)
	}
	if len(a.Values) > 0 {
		a.One = a.Values[0]
	}
	return a, err
}

func plainOf(v backplane.Value) (any, error) {
	var plain any
	err := v.Decode(&plain)
	return plain, err
}
