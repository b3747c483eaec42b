package socketio_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

var anyName = regexp.MustCompile(`^/`)

// dynamic returns the number of open namespaces, not counting the main one.
func dynamic(n *node) int { return len(n.Namespaces()) - 1 }

// eventually waits until holds returns true. It is for conditions that no event announces. what describes the
// condition.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 5*time.Millisecond, "want: "+what)
}

func TestNamespacesOfAClientAreBounded(t *testing.T) {
	n := serve(t)
	parent := n.OfPattern(anyName)
	parent.OnConnection(func(s *socketio.Socket) { s.On("sync", func(ack func()) { ack() }) })
	joined := connected(n.Namespace)
	honest := connect(t, n)
	joined.next(t)
	before := runtime.NumGoroutine()

	const limit, wanted = 100, 20_000 // limit is the default
	attacker := dial(t, n)
	accepted, refused := 0, 0
	for sent := 0; sent < wanted; {
		for range 500 {
			attacker.send("0/ns-%d,", sent)
			sent++
		}
		for accepted+refused < sent {
			answer := attacker.next()
			switch {
			case strings.HasPrefix(answer, "0/ns-"):
				accepted++
			case strings.HasSuffix(answer, `,{"message":"too many namespaces"}`):
				refused++
			default:
				require.Fail(t, "the client must join or be refused", answer)
			}
		}
		honest.sync("")
	}
	assert.Equal(t, limit, accepted)
	assert.Equal(t, wanted-limit, refused)
	assert.Equal(t, limit, dynamic(n), "open namespaces")
	attacker.sync("/ns-0") // what it has joined works

	attacker.send("1/ns-1,")
	attacker.join("/ns-again", "") // there is room again

	_ = attacker.conn.Close()
	eventually(t, "the namespaces are closed after their client has disconnected",
		func() bool { return dynamic(n) == 0 })
	assert.Empty(t, parent.Children())
	const kept = 40 // idle workers of the server
	eventually(t, "the goroutines of the namespaces have ended",
		func() bool { return runtime.NumGoroutine() <= before+kept })
	honest.sync("")
}

func TestNamespaceQuotaPerClient(t *testing.T) {
	limited := func(c *socketio.Config) { c.MaxNamespaces = 2 }
	const refused = `,{"message":"too many namespaces"}`

	t.Run("NamespacesOfTheApplicationCount", func(t *testing.T) {
		n := serve(t, limited)
		n.Of("/a")
		n.Of("/b")
		p := connect(t, n)
		p.join("/a", "")
		p.send("0/b,")
		p.expect("4/b" + refused)
	})
	t.Run("PendingAttemptsCount", func(t *testing.T) {
		n := serve(t, limited)
		hold := make(chan struct{})
		n.OfPattern(anyName).Use(func(*socketio.Socket) error { <-hold; return nil })
		p := dial(t, n)
		for _, name := range []string{"a", "b", "c"} {
			p.send("0/%s,", name)
		}
		p.expect("4/c" + refused)
		close(hold)
		require.Contains(t, p.next(), "0/a,")
		require.Contains(t, p.next(), "0/b,")
	})
	t.Run("RefusedAttemptsDoNotCount", func(t *testing.T) {
		n := serve(t, limited)
		p := dial(t, n)
		for range 5 {
			p.send("0/nowhere,")
			p.expect(`4/nowhere,{"message":"Invalid namespace"}`)
		}
		p.join("", "")
	})
	t.Run("NamespacesThatTheServerHasClosedDoNotCount", func(t *testing.T) {
		n := serve(t, limited)
		joined := newEvents[*socketio.Socket]()
		n.OfPattern(anyName).OnConnection(joined.add)
		p := dial(t, n)
		for i := range 5 {
			name := fmt.Sprintf("/ns-%d", i)
			p.join(name, "")
			joined.next(t).Disconnect(false)
			p.expect("1" + name + ",")
		}
	})
	t.Run("NegativeMeansNoLimit", func(t *testing.T) {
		n := serve(t, func(c *socketio.Config) { c.MaxNamespaces = -1 })
		joined := newEvents[*socketio.Socket]()
		n.OfPattern(anyName).OnConnection(func(s *socketio.Socket) {
			s.On("sync", func(ack func()) { ack() })
			joined.add(s)
		})
		p := dial(t, n)
		const many = 300
		for i := range many {
			p.join(fmt.Sprintf("/ns-%d", i), "")
		}
		for _, i := range []int{0, 15, 16, 17, many - 1} {
			p.sync(fmt.Sprintf("/ns-%d", i))
		}
		for i := range many {
			p.send("1/ns-%d,", i)
		}
		eventually(t, "all dynamic namespaces are closed", func() bool { return dynamic(n) == 0 })
	})
}

func TestDynamicNamespaceQuota(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.MaxDynamicNamespaces = 3 })
	parent := n.OfPattern(anyName)
	for i := range 5 {
		n.Of(fmt.Sprintf("/ours-%d", i)) // does not count
	}
	p, q := dial(t, n), dial(t, n)
	p.join("/a", "")
	p.join("/b", "")
	q.join("/c", "")
	const refused = `,{"message":"too many dynamic namespaces"}`
	for range 3 {
		q.send("0/d,")
		q.expect("4/d" + refused)
	}
	q.join("/a", "")
	q.join("/ours-1", "")
	q.join("", "")
	require.Len(t, parent.Children(), 8)

	p.send("1/b,")
	eventually(t, "the empty namespace is closed", func() bool { return len(parent.Children()) == 7 })
	q.join("/d", "")
	p.send("0/b,")
	p.expect("4/b" + refused)

	n.Of("/d") // belongs to the application from now on
	p.join("/b", "")
	n.errors.none(t)
}

func TestEmptyNamespaces(t *testing.T) {
	t.Run("AreClosedEvenIfNoClientHasJoined", func(t *testing.T) {
		n := serve(t)
		n.OfPattern(anyName).Use(func(s *socketio.Socket) error {
			switch s.Namespace().Name() {
			case "/panic":
				panic("oops")
			case "/exit":
				runtime.Goexit()
			}
			return &socketio.Error{Message: "no"}
		})
		p := dial(t, n)
		for name, answer := range map[string]string{"/no": "no", "/panic": "internal error",
			"/exit": "internal error"} {
			p.send("0%s,", name)
			p.expect("4" + name + `,{"message":"` + answer + `"}`)
		}
		eventually(t, "the empty namespaces are closed", func() bool { return dynamic(n) == 0 })
		n.errors.next(t) // the panic
		require.NoError(t, n.Shutdown(t.Context()), "Shutdown must succeed: no client is left")
	})
	t.Run("OfTheApplicationStayOpen", func(t *testing.T) {
		n := serve(t)
		n.OfPattern(anyName)
		n.Of("/before")
		p := dial(t, n)
		p.join("/before", "")
		p.join("/after", "")
		p.join("/client", "")
		n.Of("/after")
		for _, name := range []string{"/before", "/after", "/client"} {
			p.send("1%s,", name)
		}
		eventually(t, "only the namespace that the client has opened is closed", func() bool { return dynamic(n) == 2 })
		p.join("/before", "")
		p.join("/after", "")
	})
	t.Run("StayOpenWithKeepEmptyNamespaces", func(t *testing.T) {
		n := serve(t, func(c *socketio.Config) { c.KeepEmptyNamespaces = true })
		n.OfPattern(anyName)
		n.OfFunc(func(string, backplane.Value) bool { return false })
		p := dial(t, n)
		p.join("/a", "")
		p.send("1/a,")
		p.join("", "")
		p.join("/a", "")
		assert.Equal(t, 1, dynamic(n))
	})
}

func TestLongNamesOpenNoNamespace(t *testing.T) {
	n := serve(t)
	n.OfPattern(anyName)
	p := dial(t, n)
	p.join("/"+strings.Repeat("x", 1023), "")
	long := "/" + strings.Repeat("x", 1024)
	p.send("0%s,", long)
	p.expect("4" + long + `,{"message":"Invalid namespace"}`)
}
