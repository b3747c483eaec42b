package interop_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// outside is a side that is not a node of the cluster: it only sends. Other methods must not be called.
type outside struct{ side }

func (outside) kind() kind                                  { return kind{adapter: adapterGo} }
func (outside) UID() string                                 { return codec.EmitterUID }
func (outside) AwaitServerCount(context.Context, int) error { return nil }
func (outside) Close(context.Context) error                 { return nil }

// sending calls do with an emitter and sends what do emitted.
type sending func(ctx context.Context, do func(e emitter.Target) error) error

// ourEmitter opens sides that use our emitter with this way of sending.
type ourEmitter struct{ send sending }

func (o ourEmitter) nodes() int { return 0 }
func (o ourEmitter) open(_ context.Context, nsp string) (side, error) {
	return emitterOf{nsp: nsp, send: o.send}, nil
}

type emitterOf struct {
	outside
	nsp  string
	send sending
}

func (s emitterOf) do(ctx context.Context, to interop.Target, do func(t emitter.Target) error) error {
	return s.send(ctx, func(e emitter.Target) error {
		t := e.Of(s.nsp).Except(to.Except...)
		if len(to.To) > 0 { // no rooms means all sockets in a Target of these tests
			t = t.To(to.To...)
		}
		if to.Volatile {
			t = t.Volatile()
		}
		if to.Compress != nil {
			t = t.Compress(*to.Compress)
		}
		return do(t)
	})
}

func (s emitterOf) Emit(ctx context.Context, to interop.Target, event string, args ...any) error {
	return s.do(ctx, to, func(t emitter.Target) error { return t.Emit(ctx, event, args...) })
}

func (s emitterOf) Join(ctx context.Context, to interop.Target, rooms ...string) error {
	return s.do(ctx, to, func(t emitter.Target) error { return t.SocketsJoin(ctx, rooms...) })
}

func (s emitterOf) Leave(ctx context.Context, to interop.Target, rooms ...string) error {
	return s.do(ctx, to, func(t emitter.Target) error { return t.SocketsLeave(ctx, rooms...) })
}

func (s emitterOf) Disconnect(ctx context.Context, to interop.Target, closing bool) error {
	return s.do(ctx, to, func(t emitter.Target) error { return t.DisconnectSockets(ctx, closing) })
}

func (s emitterOf) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return s.do(ctx, interop.Target{}, func(t emitter.Target) error { return t.ServerSideEmit(ctx, event, args...) })
}

// ways are the ways in which our emitter can send.
const (
	oneByOne      = "oneByOne"
	inBatches     = "inBatches"
	inTransaction = "inTransaction"
)

func (w *world) ourEmitter(t *testing.T, driver, way string) ourEmitter {
	t.Helper()
	config := emitter.Config{Bus: w.newBus(t, t.Context(), driver), ChannelPrefix: w.prefix}
	switch {
	case w.legacy:
		config.Dialect = legacy.Dialect{}
	case w.redis != nil:
		config.Dialect = w.redisDialect()
	}
	e, err := emitter.New(config)
	require.NoError(t, err)
	switch way {
	case inBatches:
		return ourEmitter{func(ctx context.Context, do func(emitter.Target) error) error {
			b := e.Batch()
			if err := do(b.Target); err != nil {
				return err
			}
			return b.Send(ctx)
		}}
	case inTransaction:
		return ourEmitter{w.transactions(t, driver, e)}
	}
	return ourEmitter{func(_ context.Context, do func(emitter.Target) error) error { return do(e.Target) }}
}

// transactions sends each message in its own transaction.
func (w *world) transactions(t *testing.T, driver string, e *emitter.Emitter) sending {
	t.Helper()
	if driver == pqDriver {
		db, err := sql.Open("postgres", w.url)
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return func(ctx context.Context, do func(emitter.Target) error) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			if err := do(e.With(pqdriver.InTx(tx)).Target); err != nil {
				return fmt.Errorf("%w (%v)", err, tx.Rollback())
			}
			return tx.Commit()
		}
	}
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return func(ctx context.Context, do func(emitter.Target) error) error {
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		if err := do(e.With(pgxdriver.InTx(tx)).Target); err != nil {
			return fmt.Errorf("%w (%v)", err, tx.Rollback(ctx))
		}
		return tx.Commit(ctx)
	}
}

// fromOutside are the scenarios for senders that are not nodes. Ours keep the order and use an attachment from 8000
// bytes.
func fromOutside(s scenario) bool {
	switch s.name {
	case "payloadOf8000Bytes", "mixedInlineAndAttachedKeepTheirOrder", "noFlags", "volatile", "compressFalse",
		"compressTrue":
		return true
	}
	return s.emitter
}

func briefFromOutside(s scenario) bool { return fromOutside(s) && s.brief }

// TestInteropGoEmitter: our emitter reaches Node.js nodes of all versions and our nodes, in all its ways of sending.
func TestInteropGoEmitter(t *testing.T) {
	for _, c := range []struct {
		receiver, driver, way string
		keep                  func(scenario) bool
	}{
		{interop.Adapter05, pgxDriver, oneByOne, fromOutside},
		{interop.Adapter05, pqDriver, inTransaction, briefFromOutside},
		{interop.Adapter05, pgxDriver, inBatches, briefFromOutside},
		{interop.Adapter04, pgxDriver, inTransaction, fromOutside},
		{interop.Adapter03, pqDriver, oneByOne, briefFromOutside},
		{interop.Adapter03, pgxDriver, inTransaction, briefFromOutside},
		{interop.Cluster, pgxDriver, oneByOne, briefFromOutside},
		{adapterGo, pgxDriver, inTransaction, fromOutside},
		{adapterGo, pqDriver, inTransaction, fromOutside},
		{adapterGo, pqDriver, inBatches, briefFromOutside},
	} {
		t.Run("To"+c.receiver+"/"+c.driver+"/"+c.way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var to opener
			if c.receiver == adapterGo {
				to = w.startGo(t, c.driver)
			} else {
				to = w.start(t, c.receiver)
				w.createTable(t)
			}
			runScenarios(t, w, w.ourEmitter(t, c.driver, c.way), to, c.keep)
		})
	}
}
