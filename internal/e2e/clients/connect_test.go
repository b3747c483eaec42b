package clients_test

import (
	"fmt"
	"net/url"

	"github.com/stretchr/testify/require"
)

// connectScenarios are about connecting and refusals.
var connectScenarios = []scenario{
	{name: "ServerHasTheHandshake", over: append(everyTransport, fetchOnly), run: func(f *fixture) {
		auth := map[string]any{"token": "ü", "n": 5, "nested": map[string]any{"list": []any{true, nil}}}
		c := f.open(clientSpec{Auth: auth, Options: options{"query": map[string]string{"room": "a b&c"},
			"extraHeaders": map[string]string{"X-Test": "yes"}}})
		at := c.connected()
		require.Len(f, at.ID, 20)
		e := f.accepted(c)
		same(f.T, auth, e.Auth.V)
		require.Equal(f, "a b&c", e.Query["room"])
		require.Equal(f, "4", e.Query["EIO"])
		require.Equal(f, "yes", e.Header)
		require.Equal(f, "127.0.0.1", e.Address)
		require.False(f, e.Secure)
		u, err := url.Parse(e.URL)
		require.NoError(f, err)
		require.Equal(f, "/socket.io/", u.Path)
		require.Equal(f, []string{c.id}, e.Rooms)
		require.Equal(f, 1_000_000, c.state().MaxPayload)
	}},
	{name: "TransportIsTheRequestedOne", run: func(f *fixture) {
		for _, transports := range [][]string{websocketOnly, pollingOnly, fetchOnly} {
			want := map[string]string{"fetch": "polling"}[transports[0]]
			if want == "" {
				want = transports[0]
			}
			c := f.open(clientSpec{Options: over(transports)})
			require.Equal(f, want, c.connected().Transport)
			require.Equal(f, want, f.accepted(c).Transport)
			c.ask("nothing")
			require.Equal(f, want, c.state().Transport)
		}
	}},
	{name: "UpgradeChangesTheTransportOnBothSides", run: func(f *fixture) {
		c := f.open(clientSpec{Options: over(upgrading)})
		c.connected()
		c.upgraded()
		c.ask("nothing") // goes over the WebSocket, after the end of the upgrade
		require.Equal(f, "websocket", c.state().Transport)
		require.Equal(f, []any{"websocket"}, f.must(op{Call: "transport"}.of(c.id)).values())
		f.must(emit("still there").of(c.id))
		c.expect("still there")
	}},
	{name: "NoUpgradesKeepsPolling", config: config{noUpgrades: true}, run: func(f *fixture) {
		c := f.connect(clientSpec{Options: over(upgrading)})
		for range 20 {
			c.ask("nothing")
		}
		require.Equal(f, "polling", c.state().Transport)
	}},
	{name: "DisabledTransportIsRefused", config: config{transports: websocketOnly}, run: func(f *fixture) {
		e := f.open(clientSpec{Options: over(pollingOnly)}).refused()
		require.Equal(f, "xhr poll error", e.Message)
		require.Equal(f, 400, e.Status)
		f.connect(clientSpec{Options: over(websocketOnly)})
	}},
	{name: "ClientMayTryTheNextTransport", config: config{transports: websocketOnly}, run: func(f *fixture) {
		c := f.open(clientSpec{Options: options{"transports": upgrading, "tryAllTransports": true}})
		require.Equal(f, "websocket", c.connected().Transport)
	}},
	{name: "NamespacesShareAConnection", over: everyTransport, run: func(f *fixture) {
		main := f.connect(clientSpec{})
		custom := f.connect(clientSpec{On: main, NSP: "/custom"})
		require.NotEqual(f, main.id, custom.id)
		require.Equal(f, []any{1}, ints(f.must(op{Call: "clientsCount"}).values()))
		main.emit("to main", 1)
		custom.emit("to custom", 2)
		f.heard(main, "to main", 1)
		f.heard(custom, "to custom", 2)
		f.must(emit("for custom").in("/custom"))
		custom.expect("for custom")
		// leaving one namespace does not affect the other
		custom.do("disconnect", map[string]any{})
		require.Equal(f, "client namespace disconnect", f.gone(custom))
		main.ask("nothing")
		f.must(emit("for main"))
		main.expect("for main")
		// a client may join again
		custom.do("reconnect", map[string]any{})
		custom.connected()
		f.accepted(custom)
		custom.ask("nothing")
	}},
	{name: "UnknownNamespaceIsRefused", over: everyTransport, run: func(f *fixture) {
		main := f.connect(clientSpec{})
		lost := f.open(clientSpec{On: main, NSP: "/unknown"})
		e := lost.refused()
		require.Equal(f, "Invalid namespace", e.Message)
		require.Nil(f, e.Data.V)
		main.ask("nothing") // other namespaces of the connection are not affected
		require.Equal(f, "Invalid namespace", f.open(clientSpec{NSP: "/guarded-x",
			Auth: map[string]any{"key": "wrong"}}).refused().Message)
		require.Equal(f, "Invalid namespace", f.open(clientSpec{NSP: "/dynamic-x"}).refused().Message)
	}},
	{name: "DynamicNamespacesAreCreated", over: everyTransport, run: func(f *fixture) {
		a := f.connect(clientSpec{NSP: "/dynamic-1"})
		require.Equal(f, "/dynamic-1", f.report("namespace", func(serverEvent) bool { return true }).NSP)
		b := f.connect(clientSpec{NSP: "/dynamic-1"})
		c := f.connect(clientSpec{NSP: "/dynamic-2"})
		require.Equal(f, "/dynamic-2", f.report("namespace", func(serverEvent) bool { return true }).NSP)
		f.must(emit("hello").in("/dynamic-1"))
		a.expect("hello")
		b.expect("hello")
		f.must(emit("bye").in("/dynamic-2"))
		c.expect("bye")
		f.connect(clientSpec{NSP: "/guarded-1", Auth: map[string]any{"key": "open"}}).ask("nothing")
		// middlewares of the parent also apply to the child
		require.Equal(f, "no", f.open(clientSpec{NSP: "/dynamic-1",
			Auth: map[string]any{"refuse": "no"}}).refused().Message)
	}},
	{name: "EmptyNamespacesAreClosed", config: config{cleanNamespaces: true}, run: func(f *fixture) {
		for range 3 { // and is created again
			c := f.connect(clientSpec{NSP: "/dynamic-1"})
			require.Equal(f, "/dynamic-1", f.report("namespace", func(serverEvent) bool { return true }).NSP)
			c.ask("nothing")
			c.do("disconnect", map[string]any{})
			f.gone(c)
		}
	}},
	{name: "QueryStringOfANamespaceIsNotItsName", run: func(f *fixture) {
		c := f.open(clientSpec{NSP: "/custom?token=1"})
		require.Equal(f, "Invalid namespace", c.refused().Message)
	}},
	{name: "MiddlewareRefusesWithData", over: everyTransport, run: func(f *fixture) {
		details := map[string]any{"code": 42, "hints": []any{"a", "ü"}}
		c := f.open(clientSpec{Auth: map[string]any{"refuse": "not you", "details": details}})
		e := c.refused()
		require.Equal(f, "not you", e.Message)
		same(f.T, details, e.Data.V)
		require.False(f, c.state().Active, "a refused client must not retry on its own")
		// the application decides to try again with other credentials
		c.do("reconnect", map[string]any{"auth": map[string]any{"ok": true}})
		c.connected()
		same(f.T, map[string]any{"ok": true}, f.accepted(c).Auth.V)
	}},
	{name: "MiddlewareMayBeSlow", over: everyTransport, run: func(f *fixture) {
		slow := f.open(clientSpec{Auth: map[string]any{"hold": true}})
		refused := f.open(clientSpec{Auth: map[string]any{"hold": true, "refuse": "no"}})
		for range 2 {
			f.report("held", func(serverEvent) bool { return true })
		}
		f.connect(clientSpec{}) // another client can connect meanwhile
		slow.emit("early", 1)   // is sent when it is connected
		f.must(op{Call: "proceed"})
		slow.connected()
		f.accepted(slow)
		f.heard(slow, "early", 1)
		require.Equal(f, "no", refused.refused().Message)
	}},
	{name: "ClientThatLeavesInTheMiddlewareIsNotConnected", run: func(f *fixture) {
		c := f.open(clientSpec{Auth: map[string]any{"hold": true}, Options: over(websocketOnly)})
		f.report("held", func(serverEvent) bool { return true })
		c.do("remove", map[string]any{})
		f.closed()
		f.must(op{Call: "proceed"})
		f.connect(clientSpec{}).ask("nothing")
		for _, e := range f.server.reports().Take() {
			require.NotEqual(f, "connection", e.What, "%v", e)
		}
	}},
	{name: "RoomsAndDataOfTheConnection", run: func(f *fixture) {
		c := f.open(clientSpec{Auth: map[string]any{"rooms": []string{"a", "b"}, "data": map[string]any{"name": "x"}}})
		c.connected()
		e := f.accepted(c)
		require.ElementsMatch(f, []string{c.id, "a", "b"}, e.Rooms)
		same(f.T, map[string]any{"name": "x"}, e.Data.V)
	}},
	{name: "AdapterEvents", run: func(f *fixture) {
		c := f.connect(clientSpec{})
		f.must(op{Call: "join", Rooms: []string{"den"}}.of(c.id))
		f.must(op{Call: "leave", Rooms: []string{"den"}}.of(c.id))
		c.do("disconnect", map[string]any{})
		var got []string
		for range 8 {
			e := f.report("room", func(serverEvent) bool { return true })
			room := e.Room
			if room == c.id {
				room = "own"
			}
			got = append(got, e.Kind+" "+room)
		}
		require.Equal(f, []string{"create-room own", "join-room own", "create-room den", "join-room den",
			"leave-room den", "delete-room den",
			"leave-room own", "delete-room own"}, got)
	}},
	{name: "Cookie", config: config{cookie: "sticky"}, run: func(f *fixture) {
		// the client returns cookies if it is configured to
		c := f.connect(clientSpec{Options: options{"transports": pollingOnly, "withCredentials": true}})
		c.ask("nothing")
	}},
	{name: "CompressionIsNegotiated", config: config{compress: true}, run: func(f *fixture) {
		c := f.connect(clientSpec{Options: options{"transports": websocketOnly,
			"perMessageDeflate": map[string]any{"threshold": 10}}})
		require.Contains(f, fmt.Sprint(c.state().Extensions), "permessage-deflate")
		text := longText(200_000)
		same(f.T, []any{text}, c.ask("echo", text))
		f.must(emit("hello", text).of(c.id))
		c.expect("hello", text)
		f.must(emit("hello", text).of(c.id).compress(false))
		c.expect("hello", text)
		plain := f.connect(clientSpec{Options: options{"transports": websocketOnly, "perMessageDeflate": false}})
		require.Empty(f, plain.state().Extensions)
		f.must(emit("all", text, []byte(text)))
		for _, c := range []*client{c, plain} {
			c.expect("all", text, []byte(text))
			same(f.T, []any{text}, c.ask("echo", text))
		}
	}},
}
