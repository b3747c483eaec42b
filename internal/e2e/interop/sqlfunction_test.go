package interop_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// installFunctions installs the SQL functions with the channel prefix of w.
func (w *world) installFunctions(t *testing.T) {
	t.Helper()
	w.createTable(t)
	functions, err := postgres.Functions(w.table, w.prefix)
	require.NoError(t, err)
	pgtest.Exec(t, w.url, functions)
}

// sqlOpener opens sides that only send, by calling backplane_emit.
type sqlOpener struct{ pool *pgxpool.Pool }

func (w *world) sql(t *testing.T) sqlOpener {
	t.Helper()
	w.installFunctions(t)
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return sqlOpener{pool}
}

func (o sqlOpener) nodes() int { return 0 }
func (o sqlOpener) open(_ context.Context, nsp string) (side, error) {
	return sqlSide{nsp: nsp, pool: o.pool}, nil
}

type sqlSide struct {
	outside
	nsp  string
	pool *pgxpool.Pool
}

func (s sqlSide) Emit(ctx context.Context, to interop.Target, event string, args ...any) error {
	p, err := json.Marshal(list(args))
	if err != nil {
		return err
	}
	_, err = s.pool.Exec(ctx, "SELECT backplane_emit($1, $2, $3, $4, $5, $6, $7)",
		s.nsp, to.To, event, string(p), append([]string{}, to.Except...), to.Volatile, to.Compress)
	return err
}

// fromSQL returns the scenarios that work from SQL: JSON has no binary data, and PostgreSQL's text has no NUL.
func fromSQL(s scenario) bool {
	switch {
	case s.types != codec.Broadcast, s.name == "eventNames", s.name == "controlCharactersAndNUL",
		strings.HasPrefix(s.name, "mixed"):
		return false
	}
	return fromOutside(s) && !strings.Contains(strings.ToLower(s.name), "binary")
}

// TestInteropSQLFunction: small and large events sent by SQL reach the clients of Node.js nodes and of ours.
func TestInteropSQLFunction(t *testing.T) {
	for _, receiver := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03, interop.Cluster,
		adapterGo} {
		t.Run("To"+receiver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			from := w.sql(t)
			to := w.receiver(t, receiver)
			runScenarios(t, w, from, to, fromSQL)
			t.Run("rooms", func(t *testing.T) { sqlRooms(newFixture(t, w, from, to, scenario{})) })
			t.Run("hostile", func(t *testing.T) { sqlHostile(newFixture(t, w, from, to, scenario{})) })
			t.Run("equalInOneTransaction", func(t *testing.T) { sqlEqual(newFixture(t, w, from, to, scenario{})) })
			t.Run("rolledBack", func(t *testing.T) { sqlRolledBack(newFixture(t, w, from, to, scenario{}), w) })
		})
	}
}

func (w *world) receiver(t *testing.T, adapter string) opener {
	if adapter == adapterGo {
		return w.startGo(t, pgxDriver)
	}
	return w.start(t, adapter)
}

func sqlRooms(f *fixture) {
	none, one, two, both := f.join(f.to), f.join(f.to, "a"), f.join(f.to, "b"), f.join(f.to, "a", "b")
	f.emit(f.from, interop.To("a"), "a")
	f.emit(f.from, interop.To("a", "b"), "a or b")
	f.emit(f.from, interop.Target{Except: []string{"b", "nobody"}}, "not b")
	f.emit(f.from, interop.Target{To: []string{"a"}, Except: []string{"b"}}, "a, not b")
	f.emit(f.from, interop.To(two.ID()), "one socket")
	s := f.from.(sqlSide)
	for _, args := range []string{"'[]'", "'[]', '{b}'", "jsonb_build_array(repeat('x', 9000))"} {
		_, err := s.pool.Exec(f.ctx, "SELECT backplane_emit($1, '{}', 'nobody', "+args+")", s.nsp)
		require.NoError(f, err)
	}
	for _, c := range []struct {
		client client
		events []string
	}{{none, []string{"not b"}}, {one, []string{"a", "a or b", "not b", "a, not b"}},
		{two, []string{"a or b", "one socket"}}, {both, []string{"a", "a or b"}}} {
		for _, event := range c.events {
			f.expect([]client{c.client}, event)
		}
	}
	f.fence(f.from, none, one, two, both)
}

// sqlHostile sends names and contents that would break out of SQL or JSON if they were not quoted.
func sqlHostile(f *fixture) {
	for _, s := range []string{`'; DROP TABLE socket_io_attachments; --`, `"}],"type":6`, `\`, `\\"`, "\u2028\n\t\x7f",
		`$backplane$`, `%s %I`, "", "__proto__", "😀"} {
		c := f.join(f.to, s)
		f.emit(f.from, interop.To(s), s, s, map[string]any{s + "x": s})
		f.expect([]client{c}, s, s, map[string]any{s + "x": s})
		large := strings.Repeat(s+" ", 9000/(len(s)+1))
		f.emit(f.from, interop.To(s), s, large, map[string]any{s + "x": []any{s}})
		f.expect([]client{c}, s, large, map[string]any{s + "x": []any{s}})
	}
}

func sqlEqual(f *fixture) {
	c := f.join(f.to)
	s := f.from.(sqlSide)
	_, err := s.pool.Exec(f.ctx, "SELECT backplane_emit($1, NULL, 'same', '[1]') FROM generate_series(1, 50)", s.nsp)
	require.NoError(f, err)
	for range 50 {
		f.expect([]client{c}, "same", 1)
	}
	f.fence(f.from, c)
}

func sqlRolledBack(f *fixture, w *world) {
	c := f.join(f.to)
	s := f.from.(sqlSide)
	const rows = "SELECT count(*) FROM socket_io_attachments"
	before := pgtest.QueryInt(f, w.url, rows)
	tx, err := s.pool.Begin(f.ctx)
	require.NoError(f, err)
	_, err = tx.Exec(f.ctx, "SELECT backplane_emit($1, NULL, 'undone', jsonb_build_array(repeat('x', n))) FROM "+
		"generate_series(0, 9000, 9000) AS n", s.nsp)
	require.NoError(f, err)
	require.NoError(f, tx.Rollback(f.ctx))
	f.fence(f.from, c)
	require.Equal(f, before, pgtest.QueryInt(f, w.url, rows))
}

// TestInteropSQLFunctionInATrigger runs the trigger of docs/howto/emit-from-sql.md.
func TestInteropSQLFunctionInATrigger(t *testing.T) {
	p, err := os.ReadFile("../../../docs/howto/emit-from-sql.md")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(p), "<!-- trigger: a test runs this -->\n\n```sql\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "```")
	for _, receiver := range []string{interop.Adapter05, adapterGo} {
		t.Run("To"+receiver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			from, to := w.sql(t), w.receiver(t, receiver)
			pgtest.Exec(t, w.url, example)
			f := newFixture(t, w, from, to, scenario{nsp: "/"})
			mine, all, other := f.join(f.to, "order:1", "orders"), f.join(f.to, "orders"), f.join(f.to, "order:2")
			long := strings.Repeat("x", 9000)
			for _, c := range []struct{ statement, event, status string }{
				{"INSERT INTO orders (id, status) VALUES (1, 'new')", "order.created", "new"},
				{"UPDATE orders SET status = 'paid'", "order.updated", "paid"},
				{"UPDATE orders SET status = 'paid'", "", "which changes nothing"},
				{"UPDATE orders SET status = '" + long + "'", "order.updated", long},
				{"DELETE FROM orders", "order.deleted", long},
			} {
				pgtest.Exec(t, w.url, c.statement)
				if c.event != "" {
					f.expect([]client{mine, all}, c.event, map[string]any{"id": 1, "status": c.status})
				}
			}
			f.fence(f.from, mine, all, other)
		})
	}
}
