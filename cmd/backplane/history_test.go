package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// logWorld is a database with a node that has a log.
type logWorld struct {
	*world
	cluster *backplane.Cluster
	ns      *backplane.Namespace
}

// newLogWorld starts a node with a log in the namespace /chat.
func newLogWorld(t *testing.T) *logWorld {
	t.Helper()
	w := &logWorld{world: &world{t: t, ctx: t.Context(), url: pgtest.Database(t)}}
	w.cluster = w.open(&backplane.LogConfig{})
	var err error
	w.ns, err = w.cluster.Namespace(w.ctx, "/chat", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)
	return w
}

// open starts a node.
func (w *logWorld) open(log *backplane.LogConfig) *backplane.Cluster {
	w.t.Helper()
	pool, err := pgxpool.New(w.ctx, w.url)
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	cluster, err := backplane.Open(w.ctx, backplane.Config{Bus: pgxdriver.New(pool), Log: log})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, cluster.Close(context.Background())) })
	return cluster
}

// keptEvent is a line of history --json.
type keptEvent struct {
	Position, NSP, Event string
	Args                 []any
	Rooms, Except        []string
	Error                string
}

// history runs the command with --json.
func (w *logWorld) history(args ...string) []keptEvent {
	w.t.Helper()
	var all []keptEvent
	for line := range strings.Lines(w.run(append([]string{"history", "--json"}, args...)...).stdout) {
		var e keptEvent
		require.NoError(w.t, json.Unmarshal([]byte(line), &e), line)
		require.Empty(w.t, e.Error)
		require.Equal(w.t, "/chat", e.NSP)
		all = append(all, e)
	}
	return all
}

// names returns the names of events.
func names(events []keptEvent) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, e.Event)
	}
	return all
}

func TestHistoryOfWhatEmitAndNodesHaveKept(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	file := filepath.Join(t.TempDir(), "bytes")
	require.NoError(t, os.WriteFile(file, []byte{0, 255}, 0o600))
	large := strings.Repeat("é", 10_000)
	require.NoError(t, w.ns.Emit(w.ctx, "by a node", 1))
	require.NoError(t, w.ns.Volatile().Emit(w.ctx, "volatile"))
	require.NoError(t, w.ns.SocketsJoin(w.ctx, "kept, but no event"))
	for _, driver := range drivers {
		w.run("emit", "--log", "--driver", driver, "small", `{"a":[1,null]}`, "text")
		w.run("emit", "--log", "--driver", driver, "--room", "r1", "--room", "r2", "--except", "r3",
			"bytes", "--binary", file)
		w.run("emit", "--log", "--driver", driver, "--room", "r2", "large", large)
		w.run("emit", "--driver", driver, "not kept")
	}
	want := []string{"by a node", "small", "bytes", "large", "small", "bytes", "large"}
	for _, driver := range drivers {
		got := w.history("--driver", driver)
		require.Equal(t, want, names(got))
		require.Equal(t, []any{map[string]any{"a": []any{1.0, nil}}, "text"}, got[1].Args)
		require.Equal(t, []string{}, got[1].Rooms)
		require.Equal(t, []any{map[string]any{"type": "Buffer", "base64": "AP8="}}, got[2].Args)
		require.Equal(t, []string{"r1", "r2"}, got[2].Rooms)
		require.Equal(t, []string{"r3"}, got[2].Except)
		require.Equal(t, []any{large}, got[3].Args)

		// The same as a node says.
		events, err := w.ns.History(w.ctx, backplane.Position{}, 100)
		require.NoError(t, err)
		require.Len(t, events, len(got))
		for i, e := range events {
			require.Equal(t, e.Position.String(), got[i].Position)
			require.Equal(t, e.Args.Event(), got[i].Event)
		}

		require.Equal(t, want[5:], names(w.history("--driver", driver, "--limit", "2")))
		require.Equal(t, []string{"large"}, names(w.history("--room", "r2", "--limit", "1")))
		require.Equal(t, []string{"bytes", "bytes"}, names(w.history("--room", "r1", "--room", "nobody")))
		require.Empty(t, w.history("--room", "nobody"))
		require.Equal(t, want[2:4], names(w.history("--since", got[1].Position, "--limit", "2")))
		require.Equal(t, []string{"bytes", "large"}, names(w.history("--since", got[3].Position, "--room", "r2")))
		require.Empty(t, w.history("--since", got[6].Position))
	}
}

// The log is read in pages. The events of a room may be far apart.
func TestHistoryOfARareRoom(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	const n = 2500
	for i := range n {
		to := w.ns.To("often")
		if i%1200 == 0 {
			to = w.ns.To("rare")
		}
		require.NoError(t, to.EmitAsync(fmt.Sprint(i)))
	}
	require.NoError(t, w.ns.Emit(w.ctx, "last"))
	require.Equal(t, []string{"0", "1200", "2400"}, names(w.history("--room", "rare")))
	require.Equal(t, []string{"1200", "2400"}, names(w.history("--room", "rare", "--limit", "2")))
	all := w.history("--limit", "10000")
	require.Len(t, all, n+1)
	require.Equal(t, []string{"2400"}, names(w.history("--room", "rare", "--since", all[1200].Position)))
	require.Equal(t, names(all[1:]), names(w.history("--since", all[0].Position, "--limit", "10000")))
}

func TestHistoryInColumns(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	require.Equal(t, "nothing is kept for that\n", w.run("history").stderr)
	require.NoError(t, w.ns.Emit(w.ctx, "news", map[string]int{"a": 1}, []byte{1}))
	require.NoError(t, w.ns.To("r1", "r2").Except("r3").Emit(w.ctx, "tab\t"))
	r := w.run("history")
	require.Empty(t, r.stderr)
	require.Regexp(t, `^POSITION +TO +EVENT\n`+
		`\w+\.\w+\.1 +all +\["news",\{"a":1\},\{"type":"Buffer","base64":"AQ=="\}\]\n`+
		`\w+\.\w+\.2 +r1, r2 except r3 +\["tab\\t"\]\n$`, r.stdout)
}

func TestHistoryRefusesBadPositions(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	require.NoError(t, w.ns.Emit(w.ctx, "news"))
	position := w.history()[0].Position
	epoch, rest, _ := strings.Cut(position, ".")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--since", "yesterday"}, 2, `--since: `},
		{[]string{"--since", ""}, 2, `--since: `},
		{[]string{"--since", position + " "}, 2, `--since: `},
		{[]string{"--since", position, "--nsp", "/other"}, 2, "is not a position of the namespace /other"},
		{[]string{"--since", "0000" + epoch[4:] + "." + rest}, 1, "of another epoch"},
		{[]string{"--since", strings.TrimSuffix(position, "1") + "zz"}, 1, "has not reached"},
		{[]string{"--limit", "0"}, 2, "--limit must be from 1 to 100000, not 0"},
		{[]string{"--room", ""}, 2, "--room is empty"},
		{[]string{"--dialect", "legacy"}, 2, "history"},
	} {
		r := run(t, w.args(append([]string{"history"}, c.args...)...)...)
		require.Equal(t, c.code, r.code, "%q: %s", c.args, r.stderr)
		require.Empty(t, r.stdout)
		require.Contains(t, r.stderr, c.want)
		requireOneLine(t, r.stderr)
	}
}

// What no log keeps is refused before anything is sent. Joins and events for servers can be kept.
func TestLogOfEmitters(t *testing.T) {
	t.Parallel()
	w := newLogWorld(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"emit", "--log", "--ack", "a"}, "omit --ack"},
		{[]string{"emit", "--log", "--volatile", "a"}, "omit --volatile"},
		{[]string{"emit", "--log", "--log-age", "0s", "a"}, "--log-age must be more than 0"},
		{[]string{"emit", "--log-age", "1m", "a"}, "--log-age requires --log"},
		{[]string{"join", "--log", "--socket", "s", "room"}, "omit --socket"},
		{[]string{"request", "--log", "a"}, "give --no-ack too"},
		{[]string{"emit", "--log", "--dialect", "legacy", "a"}, "--log: the legacy dialect has no log"},
	} {
		r := run(t, w.args(c.args...)...)
		require.Equal(t, 2, r.code, c.args)
		require.Contains(t, r.stderr, c.want)
		requireOneLine(t, r.stderr)
	}
	start, err := w.ns.Head(w.ctx)
	require.NoError(t, err)
	require.Zero(t, start.Offset.Major, "nothing must be kept")
	w.run("join", "--log", "--all", "room")
	w.run("leave", "--log", "--room", "room", "room")
	w.run("disconnect", "--log", "--room", "room")
	w.run("request", "--log", "--no-ack", "news")
	w.run("emit", "news")
	var types []codec.Type
	for e, err := range w.ns.ReadLog(w.ctx, start) {
		require.NoError(t, err)
		types = append(types, e.Type)
	}
	require.Equal(t, []codec.Type{codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.ServerSideEmit},
		types)
	require.Empty(t, w.history())
}

func TestWithoutALogTheCommandsSaySo(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	for _, driver := range drivers {
		for _, args := range [][]string{{"history"}, {"log"}, {"emit", "--log", "news"}} {
			r := run(t, append(args, "--postgres", database, "--driver", driver)...)
			requireFailure(t, r, "there is no log backplane_log", "backplane schema --log")
		}
	}
}
