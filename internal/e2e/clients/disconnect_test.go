package clients_test

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// disconnectScenarios are about the end of connections and the reasons that both sides get.
var disconnectScenarios = []scenario{
	{name: "ClientLeaves", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		c.do("disconnect", map[string]any{})
		require.Equal(f, "io client disconnect", c.disconnected())
		require.Equal(f, "client namespace disconnect", f.gone(c))
		require.False(f, c.state().Active)
	}},
	{name: "EventsBeforeLeavingArrive", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		c.do("burst", map[string]any{"event": "last words", "count": 10})
		c.do("disconnect", map[string]any{})
		for i := range 10 {
			f.heard(c, "last words", i)
		}
		f.gone(c)
	}},
	{name: "ServerDisconnects", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		other := f.connect(clientSpec{On: c, NSP: "/custom"})
		f.must(emit("last words").of(c.id))
		f.must(op{Call: "disconnect"}.of(c.id))
		c.expect("last words")
		require.Equal(f, "io server disconnect", c.disconnected())
		require.Equal(f, "server namespace disconnect", f.gone(c))
		require.False(f, c.state().Active, "a client disconnected by the server must not reconnect on its own")
		other.ask("nothing")
		f.must(emit("here").in("/custom"))
		other.expect("here")
		c.do("reconnect", map[string]any{})
		c.connected()
		f.accepted(c)
		c.ask("nothing")
	}},
	{name: "ServerDisconnectsTheConnection", over: everyTransport, run: func(f *fixture) {
		c := f.settled(clientSpec{})
		other := f.connect(clientSpec{On: c, NSP: "/custom"})
		f.must(emit("last words").of(c.id))
		f.must(op{Call: "disconnect", Close: true}.of(c.id))
		c.expect("last words")
		for _, c := range []*client{c, other} {
			require.Equal(f, "io server disconnect", c.disconnected())
			require.Equal(f, "server namespace disconnect", f.gone(c))
		}
		f.closed()
	}},
	{name: "ClientClosesTheConnection", over: everyTransport, run: func(f *fixture) {
		c := f.settled(clientSpec{})
		other := f.connect(clientSpec{On: c, NSP: "/custom"})
		c.ask("nothing")
		c.do("closeEngine", map[string]any{})
		for _, c := range []*client{c, other} {
			require.Equal(f, "forced close", c.disconnected())
			require.Equal(f, "transport close", f.gone(c))
		}
		f.closed()
	}},
	{name: "ServerStops", over: everyTransport, run: func(f *fixture) {
		c := f.settled(clientSpec{})
		require.NoError(f, f.server.stop(f.ctx))
		require.Contains(f, []string{"transport close", "transport error"}, c.disconnected())
		require.Equal(f, "server shutting down", f.gone(c))
		require.NoError(f, f.server.start(f.ctx))
	}},
	{name: "ConnectionBreaks", over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL()})
		f.must(op{Call: "join", Rooms: []string{"den"}}.of(c.id))
		require.Contains(f, []string{"transport close", "transport error"}, f.cut(p, c))
		if f.transports[0] == "polling" && len(f.transports) == 1 {
			// A server that has no poll to answer at that moment notices only that no pong comes.
			require.Contains(f, []string{"transport error", "transport close", "ping timeout"}, f.gone(c))
		} else {
			require.Equal(f, "transport close", f.gone(c))
		}
		f.closed()
	}},
	{name: "BothSidesCloseASilentConnection", config: config{pingInterval: pingSoon, pingTimeout: pongLate},
		over: everyTransport,
		run: func(f *fixture) {
			p := pgtest.NewProxy(f, f.server.url())
			c, healthy := f.settled(clientSpec{URL: p.URL()}), f.connect(clientSpec{})
			p.Stall(pgtest.Both)
			require.Equal(f, "ping timeout", c.disconnected())
			require.Equal(f, "ping timeout", f.gone(c))
			healthy.ask("nothing")
		}},
	{name: "HeartbeatsKeepIdleClientsConnected", config: config{pingInterval: pingSoon, pingTimeout: pongLate},
		over: everyTransport, run: func(f *fixture) {
			idle := f.settled(clientSpec{Pings: true})
			for range 5 {
				idle.pinged()
			}
			require.True(f, idle.state().Connected)
			f.must(emit("still there").of(idle.id))
			idle.expect("still there")
		}},
}

// closed waits until the server has no connections.
func (f *fixture) closed() {
	f.Helper()
	f.counts(0)
}

// counts waits until the server has n connections.
func (f *fixture) counts(n int) {
	f.Helper()
	f.until(fmt.Sprintf("the server counts %d connections", n),
		func() bool { return ints(f.must(op{Call: "clientsCount"}).values())[0] == n })
}

// cut breaks the connection of a client behind the proxy p and returns the disconnect reason of the client. A polling
// client notices only if a poll is pending. The proxy refuses new connections until then, so that a client that
// reconnects meanwhile is not disconnected a second time.
func (f *fixture) cut(p *pgtest.Proxy, c *client) string {
	f.Helper()
	p.Refuse(true)
	defer p.Refuse(false)
	for {
		p.Cut()
		soon, cancel := context.WithTimeout(f.ctx, 100*time.Millisecond)
		e, err := c.disconnects.Next(soon)
		cancel()
		if err == nil {
			return e.Reason
		}
		require.NoError(f, f.ctx.Err(), "the client did not notice that its connection is broken")
	}
}
