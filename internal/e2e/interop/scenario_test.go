package interop_test

import (
	"fmt"
	"testing"

	"github.com/backplane-go/backplane/codec"
)

// A scenario is about one message type that goes from one side to the other. Its name says what is promised of it.
type scenario struct {
	types codec.Type
	name  string
	// opens says which side is opened first. Default: one on Node.js, because one that comes second does not know the
	// first until its next heartbeat (it announces itself before its LISTEN is active, and misses the answer).
	opens order
	// nsp is the namespace. Default: one that was never used.
	nsp string
	// brief scenarios are those that also run where not the whole matrix does: one at least of each type.
	brief bool
	// emitter: it can run with a sender that is no node of the cluster.
	emitter bool
	run     func(f *fixture)
}

// order is that in which the sides are opened.
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

// title is like type03_BROADCAST/unicode.
func (s scenario) title() string { return fmt.Sprintf("type%02d_%s/%s", s.types, s.types, s.name) }

// runScenarios runs those that keep accepts, in one direction.
func runScenarios(t *testing.T, w *world, from, to opener, keep func(scenario) bool) {
	for _, s := range scenarios() {
		if keep(s) {
			t.Run(s.title(), func(t *testing.T) { s.run(newFixture(t, w, from, to, s)) })
		}
	}
}

func always(scenario) bool      { return true }
func onlyBrief(s scenario) bool { return s.brief }
