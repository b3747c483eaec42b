package emitter_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

var large = strings.Repeat("ä€😀", 3000)

// rows returns the number of attachments that are visible to others.
func (w world) rows(tb testing.TB) int {
	return pgtest.QueryInt(tb, w.url, "SELECT count(*) FROM socket_io_attachments")
}

func TestTransactionCommits(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		in, out := a.join("r"), a.join()
		ctx := within(t)
		pgtest.Exec(t, w.url, "CREATE TABLE orders (id int)")
		tx := w.begin(t)
		require.NoError(t, tx.exec(ctx, "INSERT INTO orders VALUES (1)"))
		e := a.emitter.With(tx.bus(""))
		require.NoError(t, e.To("r").Emit(ctx, "order.created", 1))
		require.NoError(t, e.To("r").Emit(ctx, "large", large))
		require.NoError(t, e.To("r").Emit(ctx, "binary", []byte{1, 2}))
		require.NoError(t, e.SocketsJoin(ctx, "x"))
		require.NoError(t, e.ServerSideEmit(ctx, "rehash"))
		a.fence(in, out) // nothing has arrived
		require.Zero(t, w.rows(t))
		require.NoError(t, tx.commit(ctx))
		in.expect(`["order.created",1]`, `["large","`+large+`"]`, `["binary","AQI="]`)
		require.Equal(t, `["rehash"]`, <-a.server)
		a.fence(in, out)
		require.Equal(t, 2, w.rows(t))
		require.Equal(t, 1, pgtest.QueryInt(t, w.url, "SELECT count(*) FROM orders"))
		require.Error(t, e.Emit(ctx, "too late"))
	})
}

func TestTransactionRollsBack(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		e := a.emitter.With(tx.bus(""))
		require.NoError(t, e.Emit(ctx, "small"))
		require.NoError(t, e.Emit(ctx, "large", large))
		require.NoError(t, tx.rollback(ctx))
		a.fence(c)
		require.Zero(t, w.rows(t))
	})
}

func TestRollbackToASavepointDropsItsEvents(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		e := a.emitter.With(tx.bus(""))
		require.NoError(t, e.Emit(ctx, "before"))
		require.NoError(t, tx.exec(ctx, "SAVEPOINT one"))
		require.NoError(t, e.Emit(ctx, "undone"))
		require.NoError(t, e.Emit(ctx, "undone", large))
		require.NoError(t, tx.exec(ctx, "ROLLBACK TO one"))
		require.NoError(t, e.Emit(ctx, "between"))
		require.NoError(t, tx.exec(ctx, "SAVEPOINT two"))
		require.NoError(t, e.Emit(ctx, "kept", large))
		require.NoError(t, tx.exec(ctx, "RELEASE two"))
		require.NoError(t, tx.commit(ctx))
		c.expect(`["before"]`, `["between"]`, `["kept","`+large+`"]`)
		a.fence(c)
		require.Equal(t, 1, w.rows(t))
	})
}

func TestSenderThatDiesBeforeCommitSendsNothing(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		e := a.emitter.With(tx.bus(""))
		require.NoError(t, e.Emit(ctx, "small"))
		require.NoError(t, e.Emit(ctx, "large", large))
		require.Equal(t, 1, pgtest.Kill(t, w.url, "state = 'idle in transaction'"))
		require.Error(t, tx.commit(ctx))
		a.fence(c)
		require.Zero(t, w.rows(t))
	})
}

func TestEqualEmitsInOneTransactionAllArrive(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		one, two := a.emitter.With(tx.bus("")), w.emitter(t).With(tx.bus(""))
		var want []string
		for range 20 {
			require.NoError(t, one.Emit(ctx, "same"))
			require.NoError(t, two.Emit(ctx, "same"), "from another emitter")
			require.NoError(t, a.emitter.With(tx.bus("")).Emit(ctx, "same"))
			want = append(want, `["same"]`, `["same"]`, `["same"]`)
		}
		b := one.Batch()
		for range 20 {
			require.NoError(t, b.Emit(ctx, "same"))
			require.NoError(t, b.Emit(ctx, "same", []byte{1}))
			want = append(want, `["same"]`, `["same","AQ=="]`)
		}
		require.NoError(t, b.Send(ctx))
		require.NoError(t, tx.commit(ctx))
		c.expect(want...)
		a.fence(c)
	})
}

func TestLargeBatchInATransaction(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		b := a.emitter.With(tx.bus("")).Batch()
		var want []string
		for i := range 1000 {
			pad := strings.Repeat(`"\{}, `, i%300)
			if i%50 == 0 {
				pad = large
			}
			require.NoError(t, b.Emit(ctx, "n", i, pad))
			want = append(want, fmt.Sprintf(`["n",%d,"%s"]`, i,
				strings.ReplaceAll(strings.ReplaceAll(pad, `\`, `\\`), `"`, `\"`)))
		}
		require.NoError(t, b.Send(ctx))
		require.NoError(t, tx.commit(ctx))
		c.expect(want...)
		a.fence(c)
	})
}

// TestRefusalsDoNotAbortTheTransaction: only errors of the server abort a transaction, as with any statement.
func TestRefusalsDoNotAbortTheTransaction(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		c := a.join()
		ctx := within(t)
		tx := w.begin(t)
		bus := tx.bus("")
		e := a.emitter.With(bus)
		var name *emitter.NameError
		var reserved *emitter.ReservedEventError
		var encode *codec.EncodeError
		require.ErrorAs(t, e.Of("/"+strings.Repeat("x", 60)).Emit(ctx, "e"), &name)
		require.ErrorAs(t, e.Of("/\x00").Emit(ctx, "e"), &name)
		require.ErrorAs(t, e.Emit(ctx, "disconnect"), &reserved)
		require.ErrorAs(t, e.Emit(ctx, "e", func() {}, make(chan int)), &encode)
		for _, m := range refused {
			require.Error(t, bus.Publish(ctx, m), "%.40q on %.80q", m.Payload, m.Channel)
		}
		none, err := emitter.New(emitter.Config{Bus: struct{ emitter.Publisher }{bus}})
		require.NoError(t, err)
		var tooLarge *emitter.TooLargeError
		require.ErrorAs(t, none.Emit(ctx, "e", large), &tooLarge)
		b := e.Batch()
		require.NoError(t, b.Emit(ctx, "sent"))
		require.Error(t, b.Emit(ctx, "connect"))
		require.NoError(t, b.Send(ctx))
		require.NoError(t, tx.commit(ctx), "the transaction is still usable")
		c.expect(`["sent"]`)
		a.fence(c)
	})
}

func TestTransactionKeepsItsSettings(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		a := w.audience(t)
		ctx := within(t)
		const settings = "SELECT count(*) FROM pg_settings WHERE source = 'session'"
		tx := w.begin(t)
		before, err := tx.queryInt(ctx, settings)
		require.NoError(t, err)
		e := a.emitter.With(tx.bus(""))
		require.NoError(t, e.Emit(ctx, "e"))
		require.NoError(t, e.Emit(ctx, "e", large))
		after, err := tx.queryInt(ctx, settings)
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.NoError(t, tx.commit(ctx))
	})
}

func TestTransactionUsesTheConfiguredTable(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		ctx := within(t)
		e := w.emitter(t)
		pgtest.Exec(t, w.url, `CREATE SCHEMA "s s"; CREATE TABLE "s s"."T""t"`+columns)
		tx := w.begin(t)
		require.NoError(t, e.With(tx.bus(`s s.T"t`)).Emit(ctx, "e", large))
		require.NoError(t, tx.commit(ctx))
		require.Equal(t, 1, pgtest.QueryInt(t, w.url, `SELECT count(*) FROM "s s"."T""t"`))

		tx = w.begin(t)
		require.Error(t, e.With(tx.bus("missing")).Emit(ctx, "e", large), "the server's error")
		_, err := tx.queryInt(ctx, "SELECT 1")
		require.Error(t, err, "the error aborts the transaction")
		require.NoError(t, tx.rollback(ctx))
		tx = w.begin(t)
		require.Error(t, e.With(tx.bus("a.b.c")).Emit(ctx, "e", large))
		one, err := tx.queryInt(ctx, "SELECT 1")
		require.NoError(t, err, "an invalid name is refused before the server gets it")
		require.Equal(t, 1, one)
	})
}

// columns are those of a table of attachments.
const columns = ` (id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)`

func TestTransactionUsesTheTableOfItsDriver(t *testing.T) {
	eachDriver(t, func(t *testing.T, w world) {
		pgtest.Exec(t, w.url, `CREATE TABLE other`+columns)
		tx := w.begin(t)
		require.NoError(t, w.emitter(t).With(tx.driverBus(t, "other")).Emit(within(t), "e", large))
		require.NoError(t, tx.commit(within(t)))
		require.Equal(t, 1, pgtest.QueryInt(t, w.url, "SELECT count(*) FROM other"))
	})
}

// TestRestrictedRoleCanEmitInATransaction: the privileges that docs/howto/emit-from-outside.md lists are enough, also
// without prepared statements.
func TestRestrictedRoleCanEmitInATransaction(t *testing.T) {
	w := kinds[2].open(t) // pgx
	a := w.audience(t)
	c := a.join()
	role := fmt.Sprintf("r%d", time.Now().UnixNano())
	pgtest.Exec(t, w.url, "CREATE ROLE "+role+" LOGIN; "+
		"GRANT INSERT (payload), SELECT (id) ON socket_io_attachments TO "+role+
		"; GRANT USAGE ON SEQUENCE socket_io_attachments_id_seq TO "+role)
	t.Cleanup(func() { pgtest.Exec(t, w.url, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	conn, err := pgx.Connect(within(t), pgtest.With(t, w.url, func(u *url.URL) {
		u.User = url.User(role)
		query := u.Query()
		query.Set("default_query_exec_mode", "simple_protocol")
		u.RawQuery = query.Encode()
	}))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	tx, err := conn.Begin(within(t))
	require.NoError(t, err)
	e := a.emitter.With(pgxdriver.InTx(tx))
	nested, err := tx.Begin(within(t)) // a savepoint
	require.NoError(t, err)
	require.NoError(t, a.emitter.With(pgxdriver.InTx(nested)).Emit(within(t), "undone"))
	require.NoError(t, nested.Rollback(within(t)))
	require.NoError(t, e.Emit(within(t), "small"))
	require.NoError(t, e.Emit(within(t), "binary", []byte{0, 1}))
	b := e.Batch()
	for _, arg := range []any{1, []byte{2}, large, []byte{}} {
		require.NoError(t, b.Emit(within(t), "batch", arg))
	}
	require.NoError(t, b.Send(within(t)))
	require.NoError(t, tx.Commit(within(t)))
	c.expect(`["small"]`, `["binary","AAE="]`, `["batch",1]`, `["batch","Ag=="]`, `["batch","`+large+`"]`,
		`["batch",""]`)
	a.fence(c)
}

// TestTooLargeMessageDoesNotAbortTheTransaction: a message over MaxMessageBytes is refused before it reaches the
// database.
func TestTooLargeMessageDoesNotAbortTheTransaction(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	outside, err := emitter.New(emitter.Config{Bus: rec, MaxMessageBytes: 20_000})
	require.NoError(t, err)
	for name, e := range map[string]*emitter.Emitter{"Outside": outside, "Transaction": outside.With(merging{rec})} {
		t.Run(name, func(t *testing.T) {
			before := len(rec.sent())
			for _, arg := range []any{strings.Repeat("x", 20_000), make([]byte, 20_000)} {
				var large *emitter.TooLargeError
				require.ErrorAs(t, e.Emit(within(t), "e", arg), &large)
				require.Equal(t, 20_000, large.Limit)
				require.Equal(t, "MaxMessageBytes", large.Option)
				require.ErrorAs(t, e.Batch().Emit(within(t), "e", arg), &large, "the message is not in the batch")
			}
			require.Len(t, rec.sent(), before)
			require.NoError(t, e.Emit(within(t), "e", make([]byte, 19_000)))
			require.Len(t, rec.sent(), before+1)
		})
	}
	require.Equal(t, 2, rec.puts)
}

func TestMaxMessageBytesHasADefault(t *testing.T) {
	rec := &recorder{limits: postgresLimits}
	e, err := emitter.New(emitter.Config{Bus: rec})
	require.NoError(t, err)
	var large *emitter.TooLargeError
	require.ErrorAs(t, e.Emit(within(t), "e", make([]byte, 16<<20)), &large)
	require.Equal(t, 16<<20, large.Limit)
	_, err = emitter.New(emitter.Config{Bus: rec, MaxMessageBytes: -1})
	var config *emitter.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, "MaxMessageBytes", config.Field)
}
