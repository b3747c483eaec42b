package interop_test

import (
	"fmt"
	"testing"

	"github.com/backplane-go/backplane/codec"
)

// scenario is a test of a message type that goes from one side to the other. Its name states what must hold.
type scenario struct {
	types codec.Type
	name  string
	// opens says which side is opened first. Default: the side on Node.js. A Node.js node that is opened second does
	// not know the first until its next heartbeat, because it announces itself before its LISTEN is active and misses
	// the answer.
	opens order
	// nsp is the namespace. Default: a new one.
	nsp string
	// brief scenarios also run where the whole matrix does not run. There is at least one for each message
	// type.
	brief bool
	// emitter scenarios can run with a sender that is not a node of the cluster.
	emitter bool
	run     func(f *fixture)
}

// order is the order in which the sides are opened.
type order int

const (
	nodeFirst order = 0
	fromFirst order = 1
	toFirst   order = 2
)

// scenarios is the matrix.
func scenarios() []scenario {
	var all []scenario
	for _, some := range [][]scenario{
		membershipScenarios, broadcastScenarios(), sizeScenarios(), roomScenarios, orderScenarios, flagScenarios,
		joinScenarios, disconnectScenarios, fetchScenarios, remoteScenarios, serverSideScenarios(), ackScenarios(),
	} {
		all = append(all, some...)
	}
	return all
}

// title returns a name like type03_BROADCAST/unicode.
func (s scenario) title() string { return fmt.Sprintf("type%02d_%s/%s", s.types, s.types, s.name) }

// runScenarios runs the scenarios that keep accepts, in one direction.
func runScenarios(t *testing.T, w *world, from, to opener, keep func(scenario) bool) {
	for _, s := range scenarios() {
		if keep(s) {
			t.Run(s.title(), func(t *testing.T) { s.run(newFixture(t, w, from, to, s)) })
		}
	}
}

func always(scenario) bool      { return true }
func onlyBrief(s scenario) bool { return s.brief }
