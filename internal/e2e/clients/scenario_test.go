package clients_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// scenario is a test of one server and its clients.
type scenario struct {
	name   string
	config config
	// over are the transports with which the scenario runs, one after the other. Nil: the scenario chooses.
	over [][]string
	// version is the version of the clients, unless they have another one; see clientSpec.
	version string
	// notOnNode: Socket.IO's server behaves differently.
	notOnNode bool
	run       func(f *fixture)
}

// everyTransport has all ways to connect. Clients that upgrade do so during the scenario.
var everyTransport = [][]string{websocketOnly, pollingOnly, upgrading}

// fixture is what a scenario works with.
type fixture struct {
	*testing.T
	ctx        context.Context
	host       *host
	server     server
	onNode     bool       // the server is Node.js's Socket.IO
	healthy    *rawSocket // in TestBadInput: a client that follows the protocol
	transports []string
	version    string // see scenario
}

var scenarios = slices.Concat(connectScenarios, eventScenarios, sizeScenarios, applicationScenarios,
	disconnectScenarios, reconnectScenarios, recoveryScenarios, olderScenarios)

// TestScenarios runs all scenarios on Socket.IO's server and on ours, and those of version 2 also with Serve.
func TestScenarios(t *testing.T) {
	old := slices.Concat(version2Scenarios, asVersion2(scenarios))
	all := slices.Concat(scenarios, old)
	for kind, scenarios := range map[string][]scenario{"Node": all, "Go": all, "GoServe": old} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			runScenarios(t, kind, h, scenarios, func(f *fixture, run func(*fixture)) { run(f) })
		})
	}
}

// TestBadInput sends invalid input while a healthy client is connected. That client must be served during and
// after the input.
func TestBadInput(t *testing.T) {
	runRaw(t, badInputs, func(f *fixture, run func(*fixture)) {
		f.healthy = f.persistent()
		f.healthy.fine()
		run(f)
		f.healthy.fine()
	})
}

// runRaw runs scenarios without the official client on all kinds of servers.
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

var badInputs = slices.Concat(badRequests, badFrames, badPackets, loads)

// runScenarios runs scenarios on one kind of server: Socket.IO's, ours in an http.Server, or ours with Serve.
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
				f := &fixture{T: t, ctx: patient(t), host: h, onNode: onNode, transports: transports,
					version: s.version}
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

// open creates a client, which starts to connect. Its transports are those of the scenario unless spec has others.
func (f *fixture) open(spec clientSpec) *client {
	f.Helper()
	if spec.Options == nil {
		spec.Options = options{}
	}
	if _, given := spec.Options["transports"]; !given && f.transports != nil {
		spec.Options["transports"] = f.transports
	}
	if spec.Version == "" {
		spec.Version = f.version
	}
	return f.host.open(f.T, f.ctx, f.server.url(), spec)
}

// connect opens a client and waits until both sides have reported the connection.
func (f *fixture) connect(spec clientSpec) *client {
	f.Helper()
	c := f.open(spec)
	c.connected()
	f.accepted(c)
	return c
}

// settled is connect followed by settle.
func (f *fixture) settled(spec clientSpec) *client {
	f.Helper()
	c := f.connect(spec)
	f.settle(c)
	return c
}

// settle waits until both sides have finished the upgrade, if the client upgrades.
func (f *fixture) settle(c *client) {
	f.Helper()
	if len(f.transports) == 2 {
		c.upgraded()
	}
	c.ask("nothing")
	f.heard(c, "nothing")
}

// accepted waits until the server reports the connection of the client.
func (f *fixture) accepted(c *client) serverEvent {
	f.Helper()
	return f.report("connection", func(e serverEvent) bool { return e.ID == c.id })
}

// report waits for an event of the server.
func (f *fixture) report(what string, match func(serverEvent) bool) serverEvent {
	f.Helper()
	e, err := f.server.reports().Await(f.ctx, func(e serverEvent) bool { return e.What == what && match(e) })
	require.NoError(f, err, "wait for a %s in the server", what)
	return e
}

// heard waits for the next event that the server received from the client.
func (f *fixture) heard(c *client, event string, args ...any) {
	f.Helper()
	e := f.report("event", func(e serverEvent) bool { return e.ID == c.id })
	require.Equal(f, event, e.Event, "event received by the server, with %.200v", e.Args.V)
	same(f.T, append([]any{}, args...), e.args())
}

// gone waits until the server reports the disconnect of the client and returns the reason.
func (f *fixture) gone(c *client) string {
	f.Helper()
	ing := f.report("disconnecting", func(e serverEvent) bool { return e.ID == c.id })
	require.Contains(f, ing.Rooms, c.id, "a disconnecting socket must still be in its rooms")
	ed := f.report("disconnect", func(e serverEvent) bool { return e.ID == c.id })
	require.Equal(f, ing.Reason, ed.Reason)
	return ed.Reason
}

// until waits for a condition that no event reports.
func (f *fixture) until(what string, reached func() bool) {
	f.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			require.Fail(f, "this did not happen: "+what)
		}
	}
}

// must runs an op that must succeed.
func (f *fixture) must(o op) result {
	f.Helper()
	r, err := f.server.run(f.ctx, o)
	require.NoError(f, err)
	require.Empty(f, r.Error)
	return r
}
