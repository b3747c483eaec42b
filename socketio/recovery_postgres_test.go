package socketio_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// onPostgres starts servers with pgx and, every third one, with lib/pq.
func onPostgres(t *testing.T, url string, servers int) []*node {
	t.Helper()
	var nodes []*node
	for i := range servers {
		bus := pgxBus(t, url)
		if i%3 == 2 {
			bus = pqBus(t, url)
		}
		nodes = append(nodes, loggedOn(t, bus))
	}
	for _, n := range nodes {
		require.NoError(t, n.WaitForPeers(t.Context(), servers-1))
	}
	return nodes
}

func pgxBus(t *testing.T, url string) transport.Bus {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pgxdriver.New(pool)
}

func pqBus(t *testing.T, url string) transport.Bus {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return pqdriver.New(db, url)
}

func TestRecoveryOnPostgres(t *testing.T) {
	nodes := onPostgres(t, pgtest.Database(t), 3)
	var joined []*events[*socketio.Socket]
	for _, n := range nodes {
		joined = append(joined, connected(n.Namespace))
	}
	ctx := t.Context()
	r, s := begun(t, nodes[0], joined[0])
	s.SetData("data")
	away(t, r, s)
	for i := range 9 { // to and from each node
		at := (i + 1 + i/3) % 3
		require.NoError(t, nodes[i%3].To("room").Emit(ctx, fmt.Sprint("missed ", i), []byte("binary")))
		require.NoError(t, nodes[i%3].To("elsewhere").Emit(ctx, "not for it"))
		back := enter(t, nodes[at], r.auth())
		require.Equal(t, r.id, back.id)
		require.Equal(t, fmt.Sprint("missed ", i), back.event())
		require.Equal(t, "b:binary", back.next())
		again := joined[at].next(t)
		require.True(t, again.Recovered())
		require.Equal(t, "data", again.Data())
		require.ElementsMatch(t, []string{r.id, "room"}, again.Rooms())
		require.NoError(t, again.Emit("live"))
		require.Equal(t, "live", back.event())
		if i%2 == 0 {
			require.NoError(t, back.conn.Close())
		}
		r = back
	}
}

// A crash of the server empties the table of sessions, which is not logged. The sessions of all connected clients are
// stored again, also if that of another client is stored before their node looks for its own.
func TestSessionsAreStoredAgainAfterACrashOfTheServer(t *testing.T) {
	url := pgtest.Database(t)
	n := loggedOn(t, pgxBus(t, url), func(c *socketio.Config) { c.Recovery.MaxDisconnection = time.Hour })
	joined := connected(n.Namespace)
	begun(t, n, joined)
	stored := func(want int) { // with the room, which is the last change: nothing waits to be stored
		t.Helper()
		eventually(t, fmt.Sprint("stored sessions: ", want), func() bool {
			return pgtest.QueryInt(t, url, "SELECT count(*) FROM backplane_sessions "+
				`WHERE position('"room"'::bytea IN state) > 0`) == want
		})
	}
	stored(1)
	pgtest.Exec(t, url, "DELETE FROM backplane_sessions")
	begun(t, n, joined)
	stored(1)
	pgtest.Exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "+
		"WHERE datname = current_database() AND pid <> pg_backend_pid()")
	stored(2)
}

func TestRecoveryPropertyOnPostgres(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	nodes := onPostgres(t, pgtest.Database(t), 3)
	(&history{nodes: nodes, logged: true}).run(t, "any", rand.New(rand.NewPCG(seed, 0)))
}

// The node of a client is killed. The client has missed nothing on another one.
func TestRecoveryAfterANodeWasKilled(t *testing.T) {
	url := pgtest.Database(t)
	b := loggedOn(t, pqBus(t, url))
	onB := connected(b.Namespace)
	killed := startServer(t, url)
	require.NoError(t, b.WaitForPeers(t.Context(), 1))
	received, lonely := enter(t, killed.node, ""), enter(t, killed.node, "")
	received.send(`21["change","room","data"]`)
	require.Equal(t, "31[]", received.next())
	ctx := t.Context()
	require.NoError(t, b.To("room").Emit(ctx, "seen"))
	require.Equal(t, "seen", received.event())
	eventually(t, "the change of rooms and data is stored", func() bool {
		return pgtest.QueryInt(t, url, `SELECT count(*) FROM backplane_sessions
			WHERE position('"room"'::bytea IN state) > 0 AND position('"data"'::bytea IN state) > 0`) == 1
	})
	eventually(t, "the other session is stored", func() bool {
		return pgtest.QueryInt(t, url, "SELECT count(*) FROM backplane_sessions") == 2
	})
	killed.kill()
	require.NoError(t, b.Emit(ctx, "missed 1"))
	require.NoError(t, b.To("room").Emit(ctx, "missed 2"))
	back := enter(t, b, received.auth())
	require.Equal(t, received.id, back.id)
	require.Equal(t, "missed 1", back.event())
	require.Equal(t, "missed 2", back.event())
	s := onB.next(t)
	require.Equal(t, "data", s.Data())
	require.ElementsMatch(t, []string{received.id, "room"}, s.Rooms())

	back = enter(t, b, fmt.Sprintf(`{"pid":"%s"}`, lonely.pid)) // it has never received anything
	require.Equal(t, lonely.id, back.id)
	require.Equal(t, "missed 1", back.event())
	back.sync("")
}

// process is a server in a process of its own.
type process struct {
	node *node
	kill func()
}

// startServer starts a server in a process of its own, which runs TestHelperServer.
func startServer(t *testing.T, url string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperServer$")
	cmd.Env = append(os.Environ(), "BACKPLANE_TEST_SERVER="+url)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill := func() {
		_ = cmd.Process.Kill()
		_ = stdin.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	return &process{node: &node{url: strings.TrimSpace(line)}, kill: kill}
}

// TestHelperServer is no test: other tests start it.
func TestHelperServer(t *testing.T) {
	url := os.Getenv("BACKPLANE_TEST_SERVER")
	if url == "" {
		t.Skip("other tests start it")
	}
	pool, err := pgxpool.New(context.Background(), url)
	require.NoError(t, err)
	cluster, err := backplane.Open(t.Context(), backplane.Config{Bus: pgxdriver.New(pool), Log: &backplane.LogConfig{}})
	require.NoError(t, err)
	n, err := socketio.NewServer(socketio.Config{Cluster: cluster, Recovery: &socketio.Recovery{}})
	require.NoError(t, err)
	n.OnConnection(func(s *socketio.Socket) {
		var auth struct {
			Room string `json:"room"`
			Hold bool   `json:"hold"` // until it is killed, before it has joined the room
		}
		if s.Auth().Decode(&auth) == nil && auth.Room != "" {
			_ = s.Emit("entered")
			if auth.Hold {
				<-s.Context().Done()
			}
			_ = s.Join(auth.Room)
		}
		s.On("sync", func(ack func()) { ack() })
		s.On("keep", func(ctx context.Context, room string, ack func()) error {
			err := n.In(s.ID()).SocketsJoin(ctx, room)
			if err == nil {
				ack()
			}
			return err
		})
		s.On("change", func(room, data string, ack func()) {
			if s.Join(room) == nil {
				s.SetData(data)
				ack()
			}
		})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go n.Serve(l) // until it is killed
	fmt.Println("http://" + l.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}
