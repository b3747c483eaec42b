package emitter_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// eachLog runs a test on all buses that have a log, with an audience on a node with the log on. promise returns how
// many messages it has sent without Log that the log would otherwise have kept. The node reports that once.
func eachLog(t *testing.T, config core.LogConfig, promise func(t *testing.T, w world, a *audience) (unkept int)) {
	t.Helper()
	each(t, func(t *testing.T, w world) {
		log, ok := w.bus.(transport.Log)
		if !ok {
			t.Skipf("%T has no log", w.bus)
		}
		if p, ok := w.bus.(transport.LogPreparer); ok { // the node sees only the log: it must not close the bus
			require.NoError(t, p.PrepareLog(within(t)))
		}
		reports := make(chan error, 16)
		cluster, err := core.Open(within(t), core.Config{Bus: struct{ transport.Log }{log}, Store: w.store,
			Log: &config, ErrorHandler: func(err error) { reports <- err }})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, cluster.Close(within(t))) })
		a := w.namespace(t, cluster, "/")
		a.emitter = w.logEmitter(t, &emitter.LogConfig{})
		unkept := promise(t, w, a)
		require.Eventually(t, func() bool { return cluster.Stats().Unkept == uint64(unkept) }, time.Minute,
			time.Millisecond)
		if unkept > 0 {
			var mismatch *core.LogMismatchError
			require.ErrorAs(t, <-reports, &mismatch)
			require.Equal(t, core.LogMismatchError{Namespace: "/", UID: codec.EmitterUID}, *mismatch)
		}
		require.Empty(t, reports)
	})
}

func (w world) logEmitter(tb testing.TB, log *emitter.LogConfig) *emitter.Emitter {
	tb.Helper()
	e, err := emitter.New(emitter.Config{Bus: w.bus, Store: w.store, Log: log})
	require.NoError(tb, err)
	return e
}

// kept returns the types of the messages of the namespace that the log has kept, and the events of broadcasts.
func (a *audience) kept() (all []string) {
	a.Helper()
	start, err := a.ns.Head(within(a))
	require.NoError(a, err)
	start.Offset = transport.Offset{}
	for e, err := range a.ns.ReadLog(within(a), start) {
		require.NoError(a, err)
		if e.Type == codec.Broadcast {
			all = append(all, e.Packet.Args.String())
		} else {
			all = append(all, e.Type.String())
		}
	}
	return all
}

func TestLogKeepsWhatTheEmitterSends(t *testing.T) {
	eachLog(t, core.LogConfig{}, func(t *testing.T, w world, a *audience) int {
		c := a.join("r")
		ctx := within(t)
		e := a.emitter
		require.NoError(t, e.Volatile().Emit(ctx, "volatile"))
		require.NoError(t, e.Emit(ctx, "event", 1))
		require.NoError(t, e.To("nobody").Emit(ctx, "room"))
		require.NoError(t, e.To().Emit(ctx, "to no room"))
		require.NoError(t, e.Emit(ctx, "large", large))
		require.NoError(t, e.SocketsJoin(ctx, "x"))
		require.NoError(t, e.SocketsLeave(ctx, "x"))
		require.NoError(t, e.To("nobody").DisconnectSockets(ctx, true))
		require.NoError(t, e.ServerSideEmit(ctx, "rehash"))
		batch := e.Batch()
		require.NoError(t, batch.Volatile().Emit(ctx, "volatile"))
		require.NoError(t, batch.Emit(ctx, "batch"))
		require.NoError(t, batch.Send(ctx))
		require.NoError(t, w.emitter(t).Emit(ctx, "without a log"))
		var kept, others []string // a node that reads the log still delivers the others at once
		for range 6 {
			if event := c.receive(); event == `["volatile"]` || event == `["without a log"]` {
				others = append(others, event)
			} else {
				kept = append(kept, event)
			}
		}
		require.Equal(t, []string{`["event",1]`, `["large","` + large + `"]`, `["batch"]`}, kept)
		require.Equal(t, []string{`["volatile"]`, `["volatile"]`, `["without a log"]`}, others)
		require.Equal(t, `["rehash"]`, <-a.server)
		require.Equal(t, []string{`["event",1]`, `["room"]`, `["large","` + large + `"]`, codec.SocketsJoin.String(),
			codec.SocketsLeave.String(), codec.DisconnectSockets.String(), codec.ServerSideEmit.String(),
			`["batch"]`}, a.kept())
		return 1
	})
}

func TestLogKeepsOnlyTheNamespacesOfTheCluster(t *testing.T) {
	eachLog(t, core.LogConfig{}, func(t *testing.T, w world, a *audience) int {
		for _, c := range []struct {
			namespaces []string
			keeps      bool
		}{{nil, true}, {[]string{}, false}, {[]string{"/other"}, false}, {[]string{"/other", "/"}, true}} {
			before := len(a.kept())
			e := w.logEmitter(t, &emitter.LogConfig{Namespaces: c.namespaces})
			require.NoError(t, e.Emit(within(t), "event"))
			require.Equal(t, c.keeps, len(a.kept()) > before, "Namespaces: %q", c.namespaces)
		}
		return 2
	})
}

func TestLogNeedsABusThatKeepsMessages(t *testing.T) {
	each(t, func(t *testing.T, w world) {
		plain := struct{ transport.Bus }{w.bus}
		var refused *emitter.ConfigError
		_, err := emitter.New(emitter.Config{Bus: plain, Log: &emitter.LogConfig{}})
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "Log", refused.Field)
		if _, ok := w.bus.(transport.Appender); !ok {
			t.Skipf("%T has no log", w.bus)
		}
		with := w.logEmitter(t, &emitter.LogConfig{}).With(plain)
		require.ErrorAs(t, with.Emit(within(t), "event"), &refused)
		require.ErrorAs(t, with.Batch().Emit(within(t), "event"), &refused)
		require.ErrorAs(t, w.logEmitter(t, &emitter.LogConfig{}).With(nil).Emit(within(t), "event"), &refused)
		_, err = emitter.New(emitter.Config{Bus: w.bus, Log: &emitter.LogConfig{MaxAge: -1}})
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "Log.MaxAge", refused.Field)
		_, err = emitter.New(emitter.Config{Bus: w.bus, Dialect: legacy.Dialect{}, Log: &emitter.LogConfig{}})
		require.ErrorAs(t, err, &refused)
	})
}

// retainer records for how long it is asked to keep bodies.
type retainer struct {
	storage.Store
	keep chan time.Duration
}

func (r *retainer) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	r.keep <- keep
	id, err := r.Put(ctx, bodies[0])
	return []string{id}, err
}

func TestAttachmentsOfKeptMessagesAreRetained(t *testing.T) {
	eachLog(t, core.LogConfig{}, func(t *testing.T, w world, a *audience) int {
		if w.store == nil {
			t.Skip("messages of any size need no attachments")
		}
		for maxAge, want := range map[time.Duration]time.Duration{0: 4 * time.Minute, time.Second: 2 * time.Second} {
			store := &retainer{w.store, make(chan time.Duration, 1)}
			e, err := emitter.New(emitter.Config{Bus: w.bus, Store: store, Log: &emitter.LogConfig{MaxAge: maxAge}})
			require.NoError(t, err)
			require.NoError(t, e.Volatile().Emit(within(t), "large", large))
			require.Empty(t, store.keep)
			require.NoError(t, e.Emit(within(t), "large", large))
			require.Equal(t, want, <-store.keep)
		}
		return 0
	})
}

// TestTransactionWithALogUsesTheOutbox: nothing is sent before a node moves it.
func TestTransactionWithALogUsesTheOutbox(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		schema, err := postgres.LogSchema("")
		require.NoError(t, err)
		pgtest.Exec(t, w.url, schema)
		a := w.audience(t)
		c := a.join("r")
		ctx := within(t)
		if _, ok := w.bus.(transport.Appender); !ok {
			t.Skipf("%T has no log", w.bus)
		}
		e := w.logEmitter(t, &emitter.LogConfig{})
		waiting := func() int {
			return pgtest.QueryInt(t, w.url,
				"SELECT count(*) + 100 * count(*) FILTER (WHERE keep) FROM backplane_log_outbox")
		}
		gone := w.begin(t)
		require.NoError(t, e.With(gone.bus("")).Emit(ctx, "rolled back"))
		require.NoError(t, gone.rollback(ctx))

		tx := w.begin(t)
		in := e.With(tx.bus(""))
		require.NoError(t, in.To("r").Emit(ctx, "small"))
		require.NoError(t, in.To("r").Emit(ctx, "small"))
		require.NoError(t, in.Volatile().Emit(ctx, "volatile"))
		require.NoError(t, in.Emit(ctx, "large", large))
		batch := in.Batch()
		require.NoError(t, batch.Emit(ctx, "batch", 1))
		require.NoError(t, batch.Emit(ctx, "batch", 2))
		require.NoError(t, batch.Send(ctx))
		require.NoError(t, tx.commit(ctx))
		a.fence(c) // nothing has arrived
		require.Equal(t, 506, waiting())
		require.Equal(t, 1, pgtest.QueryInt(t, w.url,
			"SELECT count(*) FROM socket_io_attachments WHERE created_at > now() + interval '230 s'"))
		moved, more, err := w.bus.(transport.Outbox).MoveOutbox(ctx)
		require.NoError(t, err)
		require.Equal(t, 6, moved)
		require.False(t, more)
		c.expect(`["small"]`, `["small"]`, `["volatile"]`, `["large","`+large+`"]`, `["batch",1]`, `["batch",2]`)
		require.Zero(t, waiting())
		require.Equal(t, 5, pgtest.QueryInt(t, w.url, "SELECT sum(n) FROM backplane_log_0"))
	})
}
