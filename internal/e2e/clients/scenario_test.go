package clients_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scenario is about one server and its clients.
type scenario struct {
	name   string
	config config
	// over are the transports with which it runs, one after the other. Nil: it chooses itself.
	over [][]string
	// notOnNode: Socket.IO's server does something else there.
	notOnNode bool
	run       func(f *fixture)
}

// everyTransport is each way to connect. Clients that upgrade do so while the scenario runs.
var everyTransport = [][]string{websocketOnly, pollingOnly, upgrading}

// fixture is what a scenario gets.
type fixture struct {
	*testing.T
	ctx        context.Context
	host       *host
	server     server
	onNode     bool       // the server is Socket.IO's own
	healthy    *rawSocket // in TestBadInput: a client that does nothing wrong
	transports []string
}

var scenarios = slices.Concat(connectScenarios, eventScenarios, sizeScenarios, applicationScenarios, disconnectScenarios, reconnectScenarios, recoveryScenarios, olderScenarios)

// TestScenarios runs all scenarios on Socket.IO's server, which they describe, and on ours.
func TestScenarios(t *testing.T) {
	for _, kind := range []string{"Node", "Go"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			runScenarios(t, kind, h, scenarios, func(f *fixture, run func(*fixture)) { run(f) })
		})
	}
}

// TestBadInput runs what clients must not do, next to a client that is served all the while, and has to be afterwards.
func TestBadInput(t *testing.T) {
	runRaw(t, badInputs, func(f *fixture, run func(*fixture)) {
		f.healthy = f.persistent()
		f.healthy.fine()
		run(f)
		f.healthy.fine()
	})
}

// runRaw runs scenarios that need no official client, on servers of all kinds.
func runRaw(t *testing.T, all []scenario, do func(f *fixture, run func(*fixture))) {
	for _, kind := range []string{"Node", "Go", "GoServe"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var h *host
			if kind == "Node" {
				h = newHost(t)
			}
			runScenarios(t, kind, h, all, do)
		})
	}
}

var badInputs = slices.Concat(badRequests, badFrames, badPackets, crowds)

// runScenarios runs them on servers of a kind: Socket.IO's own, ours in an http.Server, or ours that serves its port itself.
func runScenarios(t *testing.T, kind string, h *host, all []scenario, do func(f *fixture, run func(*fixture))) {
	onNode := kind == "Node"
	for _, s := range all {
		variants := s.over
		if variants == nil {
			variants = [][]string{nil}
		}
		if s.notOnNode && onNode {
			continue
		}
		for _, transports := range variants {
			name := s.name
			if transports != nil {
				name += "/" + strings.Join(transports, "+")
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := &fixture{T: t, ctx: patient(t), host: h, onNode: onNode, transports: transports}
				c := s.config
				if onNode {
					f.server = h.newServer(t, c, "")
				} else {
					c.byServe = kind == "GoServe"
					f.server = newGoServer(t, c, nil)
				}
				do(f, s.run)
			})
		}
	}
}

// open makes a client, which then connects, with the scenario's transports if it names none.
func (f *fixture) open(spec clientSpec) *client {
	f.Helper()
	if spec.Options == nil {
		spec.Options = options{}
	}
	if _, given := spec.Options["transports"]; !given && f.transports != nil {
		spec.Options["transports"] = f.transports
	}
	return f.host.open(f.T, f.ctx, f.server.url(), spec)
}

// connect opens a client and waits until both sides know that it is connected.
func (f *fixture) connect(spec clientSpec) *client {
	f.Helper()
	c := f.open(spec)
	c.connected()
	f.accepted(c)
	return c
}

// settled is connect, and waits until nothing of the transport will change any more.
func (f *fixture) settled(spec clientSpec) *client {
	f.Helper()
	c := f.connect(spec)
	f.settle(c)
	return c
}

// settle waits until the client, if it upgrades its transport, and the server have done so.
func (f *fixture) settle(c *client) {
	f.Helper()
	if len(f.transports) == 2 {
		c.upgraded()
	}
	c.ask("nothing")
	f.heard(c, "nothing")
}

// accepted waits for the server's report of a client's connection.
func (f *fixture) accepted(c *client) serverEvent {
	f.Helper()
	return f.report("connection", func(e serverEvent) bool { return e.ID == c.id })
}

// report waits for something that happens in the server.
func (f *fixture) report(what string, match func(serverEvent) bool) serverEvent {
	f.Helper()
	e, err := f.server.reports().Await(f.ctx, func(e serverEvent) bool { return e.What == what && match(e) })
	require.NoError(f, err, "a %s in the server", what)
	return e
}

// heard waits for the next event of a client in the server.
func (f *fixture) heard(c *client, event string, args ...any) {
	f.Helper()
	e := f.report("event", func(e serverEvent) bool { return e.ID == c.id })
	require.Equal(f, event, e.Event, "the event that the server received, with %.200v", e.Args.V)
	same(f.T, append([]any{}, args...), e.args())
}

// gone waits until the server knows that a client has gone and returns the reason.
func (f *fixture) gone(c *client) string {
	f.Helper()
	ing := f.report("disconnecting", func(e serverEvent) bool { return e.ID == c.id })
	require.Contains(f, ing.Rooms, c.id, "while it is disconnecting, the socket still is in its rooms")
	ed := f.report("disconnect", func(e serverEvent) bool { return e.ID == c.id })
	require.Equal(f, ing.Reason, ed.Reason)
	return ed.Reason
}

// until waits for what nothing reports.
func (f *fixture) until(what string, reached func() bool) {
	f.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			require.Fail(f, "it does not come to it that "+what)
		}
	}
}

// must runs an op that succeeds.
func (f *fixture) must(o op) result {
	f.Helper()
	r, err := f.server.run(f.ctx, o)
	require.NoError(f, err)
	require.Empty(f, r.Error)
	return r
}
