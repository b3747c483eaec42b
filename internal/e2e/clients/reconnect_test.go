package clients_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// comingBack returns options for clients that reconnect soon, but not before a test has seen that they are
// disconnected.
func comingBack() options {
	return options{"reconnection": true, "reconnectionDelay": 300, "reconnectionDelayMax": 300,
		"randomizationFactor": 0}
}

// reconnectScenarios are about clients that reconnect.
var reconnectScenarios = []scenario{
	{name: "ClientsReconnectAfterAServerRestart", over: everyTransport, run: func(f *fixture) {
		var clients []*client
		for i := range 5 {
			c := f.connect(clientSpec{Options: comingBack(),
				Auth: map[string]any{"rooms": []string{fmt.Sprint("room", i)}}})
			clients = append(clients, c)
		}
		custom := f.connect(clientSpec{On: clients[0], NSP: "/custom"})
		clients = append(clients, custom)
		ids := make(map[string]bool)
		for _, c := range clients {
			ids[c.id] = true
		}
		require.NoError(f, f.server.stop(f.ctx))
		for _, c := range clients {
			c.disconnected()
			c.emit("meanwhile", c.name) // is sent after the reconnect
		}
		require.NoError(f, f.server.start(f.ctx))
		for _, c := range clients {
			at := c.connected()
			require.False(f, at.Recovered)
			require.False(f, ids[at.ID], "a new connection must have a new id")
			f.accepted(c)
			f.heard(c, "meanwhile", c.name)
		}
		f.must(emit("hello").to("room3"))
		clients[3].expect("hello")
		f.must(emit("hello").in("/custom"))
		custom.expect("hello")
	}},
	{name: "ClientReconnectsAfterABrokenConnection", over: everyTransport, run: func(f *fixture) {
		p := pgtest.NewProxy(f, f.server.url())
		c := f.settled(clientSpec{URL: p.URL(), Options: comingBack()})
		for i := range 3 {
			c.emit("before", i)
			f.heard(c, "before", i)
			f.cut(p, c)
			f.gone(c)
			c.connected()
			f.accepted(c)
			f.settle(c)
			f.must(emit("again", i).of(c.id))
			c.expect("again", i)
		}
	}},
	{name: "EventsOfADisconnectedClientAreHandledInOrder", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		c.do("disconnect", map[string]any{})
		f.gone(c)
		c.do("burst", map[string]any{"event": "buffered", "count": 100})
		c.do("reconnect", map[string]any{})
		c.connected()
		f.accepted(c)
		for i := range 100 {
			f.heard(c, "buffered", i)
		}
	}},
	{name: "AckOfALostConnectionFails", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		timeout := patientOp
		if f.onNode { // Node.js waits for the timeout
			timeout = impatient
		}
		asked := make(chan error, 1)
		go func() {
			_, err := f.server.run(f.ctx, ask("silent").of(c.id).timeout(timeout))
			asked <- err
		}()
		c.expect("silent")
		c.do("disconnect", map[string]any{})
		err := <-asked
		if !f.onNode {
			require.ErrorContains(f, err, "not connected")
		}
	}},
	{name: "ManyConnectAndDisconnect", config: config{pingInterval: pingSoon, pingTimeout: 5 * pongLate},
		over: everyTransport, run: func(f *fixture) {
			healthy := f.connect(clientSpec{})
			const n = 40
			clients := make([]*client, n)
			for i := range clients {
				clients[i] = f.open(clientSpec{Auth: map[string]any{"rooms": []string{"crowd"}}})
				if i%4 == 1 { // some leave before they are connected
					clients[i].do("remove", map[string]any{})
				}
			}
			for i, c := range clients {
				switch i % 4 {
				case 0:
					c.connected()
					c.do("closeEngine", map[string]any{})
				case 2:
					c.connected()
					c.do("remove", map[string]any{})
				case 3:
					c.connected()
					c.do("disconnect", map[string]any{})
				}
			}
			healthy.ask("nothing")
			f.counts(1)
			require.Len(f, f.must(op{Call: "fetchSockets"}).Sockets, 1)
			f.must(emit("to nobody").to("crowd"))
			f.must(emit("to all"))
			healthy.expect("to all")
		}},
}
