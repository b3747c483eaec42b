package socketio_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio"
)

const interval = 30 * time.Millisecond

// banned are clients that may not stay, by the user in their query.
type banned struct{ users sync.Map }

func (b *banned) admit(r *http.Request) error {
	if _, ok := b.users.Load(r.URL.Query().Get("user")); ok {
		return errors.New("banned")
	}
	return nil
}

func TestReauthenticate(t *testing.T) {
	t.Run("CallsAdmitAgain", func(t *testing.T) {
		var b banned
		audit, requests := newEvents[socketio.AuditEvent](), newEvents[*http.Request]()
		n := serve(t, audited(audit), func(c *socketio.Config) {
			c.Reauthenticate = interval
			c.Admit = func(r *http.Request) error { requests.add(r); return b.admit(r) }
		})
		joined := connected(n.Namespace)
		stays := dial(t, n, "&user=stays")
		stays.join("", "")
		joined.next(t)
		first := requests.next(t)
		for range 3 {
			again := requests.next(t)
			for key, values := range first.Header {
				assert.Equal(t, values, again.Header[key], key)
			}
			assert.Equal(t, first.URL.String(), again.URL.String())
			assert.Equal(t, first.Host, again.Host)
			assert.Equal(t, first.RemoteAddr, again.RemoteAddr)
			_, bounded := again.Context().Deadline()
			assert.True(t, bounded)
		}

		goes := dial(t, n, "&user=goes")
		goes.join("", "")
		got := newEvents[string]()
		s := joined.next(t)
		s.OnDisconnect(got.add)
		b.users.Store("goes", true)
		assert.Equal(t, "reauthentication failed", got.next(t))
		e := reached(t, audit, socketio.AuditReauthenticate)
		assert.EqualError(t, e.Err, "banned")
		assert.Equal(t, "127.0.0.1", e.Address)
		assert.Equal(t, "reauthentication failed", reached(t, audit, socketio.AuditDisconnect).Reason)
		assert.ErrorIs(t, context.Cause(s.Context()), socketio.ErrDisconnected)
		stays.sync("")
	})
	t.Run("AsksAboutEachSocket", func(t *testing.T) {
		asked := newEvents[string]()
		var expired atomic.Bool
		n := serve(t, func(c *socketio.Config) {
			c.Reauthenticate = interval
			c.ReauthenticateSocket = func(ctx context.Context, s *socketio.Socket) error {
				asked.add(s.Namespace().Name())
				if expired.Load() && s.Auth().String() == `{"token":1}` {
					return errors.New("expired")
				}
				return nil
			}
		})
		n.Of("/a")
		connected(n.Namespace)
		stays, goes := dial(t, n), dial(t, n)
		stays.join("", `{"token":2}`)
		goes.join("", `{"token":1}`)
		goes.join("/a", "")
		for seen := map[string]bool{}; len(seen) < 2; {
			seen[asked.next(t)] = true
		}
		expired.Store(true)
		goes.expect("closed")
		eventually(t, "the client has left all namespaces",
			func() bool { return n.SocketsCount() == 1 && n.Of("/a").SocketsCount() == 0 })
		stays.sync("")
	})
	t.Run("PanicAndExitAreRefusals", func(t *testing.T) {
		var here atomic.Bool
		n := serve(t, func(c *socketio.Config) {
			c.Reauthenticate = interval
			c.Admit = func(r *http.Request) error {
				if here.Load() {
					if r.URL.Query().Get("user") == "panic" {
						panic("oops")
					}
					runtime.Goexit()
				}
				return nil
			}
		})
		p, q := dial(t, n, "&user=panic"), dial(t, n, "&user=exit")
		here.Store(true)
		p.expect("closed")
		q.expect("closed")
		n.errors.next(t)
	})
	t.Run("DoesNotDelayOthers", func(t *testing.T) {
		var calls, at, most atomic.Int32
		ended := newEvents[error]()
		n := serve(t, func(c *socketio.Config) {
			c.Reauthenticate = interval
			c.ReauthenticateSocket = func(ctx context.Context, s *socketio.Socket) error {
				calls.Add(1)
				now := at.Add(1)
				for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
				}
				<-ctx.Done()
				at.Add(-1)
				ended.add(ctx.Err())
				return nil
			}
		})
		joined := connected(n.Namespace)
		var all []*peer
		for range 40 {
			all = append(all, connect(t, n))
			joined.next(t)
		}
		eventually(t, "16 clients are being checked", func() bool { return at.Load() == 16 })
		for _, p := range all {
			p.sync("")
		}
		assert.EqualValues(t, 16, most.Load(), "number of clients that are checked at the same time")
		for _, p := range all {
			_ = p.conn.Close()
		}
		for range calls.Load() {
			assert.ErrorIs(t, ended.next(t), context.Canceled, "the context must end when the client disconnects")
		}
		eventually(t, "all clients are disconnected", func() bool { return n.ClientsCount() == 0 })
	})
	t.Run("ShutdownEndsIt", func(t *testing.T) {
		asked := newEvents[bool]()
		n := serve(t, func(c *socketio.Config) {
			c.Reauthenticate = interval
			c.ReauthenticateSocket = func(ctx context.Context, s *socketio.Socket) error {
				asked.add(true)
				<-ctx.Done()
				return ctx.Err()
			}
		})
		connect(t, n)
		asked.next(t)
		require.NoError(t, n.Shutdown(t.Context()))
	})
}

func TestAudit(t *testing.T) {
	audit := newEvents[socketio.AuditEvent]()
	n := serve(t, audited(audit), func(c *socketio.Config) {
		c.Admit = func(r *http.Request) error {
			if r.URL.Query().Has("banned") {
				return errors.New("banned")
			}
			return nil
		}
	})
	n.Use(func(s *socketio.Socket) error {
		if s.Auth().String() != "{}" {
			return &socketio.Error{Message: "no"}
		}
		return nil
	})
	p := dial(t, n)
	p.send(`0{"x":1}`)
	p.expect(`4{"message":"no"}`)
	e := audit.next(t)
	assert.Equal(t, socketio.AuditRefuse, e.Kind)
	assert.Equal(t, "/", e.Namespace)
	assert.Equal(t, "no", e.Reason)
	assert.WithinDuration(t, time.Now(), e.Time, patience)

	id := p.join("", "")
	e = audit.next(t)
	assert.Equal(t, socketio.AuditEvent{Time: e.Time, Kind: socketio.AuditConnect, Address: "127.0.0.1", Namespace: "/",
		SID: id}, e)
	_ = p.conn.Close()
	kinds := map[string]socketio.AuditEvent{}
	for range 2 {
		e = audit.next(t)
		require.Equal(t, socketio.AuditDisconnect, e.Kind)
		assert.Equal(t, "transport close", e.Reason)
		kinds[e.Namespace] = e
	}
	assert.Equal(t, id, kinds["/"].SID)
	assert.Contains(t, kinds, "", "the connection")

	response, err := http.Get(n.url + "/socket.io/?EIO=4&transport=polling&banned")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	e = audit.next(t)
	assert.Equal(t, socketio.AuditRefuse, e.Kind)
	assert.Equal(t, "Forbidden", e.Reason)
	assert.Equal(t, "127.0.0.1", e.Address)
	assert.ErrorContains(t, e.Err, "banned")
	assert.ErrorContains(t, n.errors.next(t), "banned")
}

func TestPanicOfAuditIsReported(t *testing.T) {
	n := serve(t, func(c *socketio.Config) { c.Audit = func(socketio.AuditEvent) { panic("oops") } })
	joined := connected(n.Namespace)
	p := connect(t, n)
	joined.next(t)
	p.sync("")
	var failed *socketio.HandlerError
	require.ErrorAs(t, n.errors.next(t), &failed)
	assert.Equal(t, "audit", failed.Event)
}
