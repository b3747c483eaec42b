package conformance_test

import (
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var leftoverMutants = []mutant[conformance.Harness]{
	breaksSession("NothingIsLeft", "leaves a goroutine behind", func(t *testing.T, s *session) {
		go func() { <-t.Context().Done() }()
	}),
	{"NothingIsLeftOutside", "leaves a connection behind", func(t *testing.T) conformance.Harness {
		h := newMutation(transport.Limits{}).harness(func(*bus) {})
		h.Leftovers = func(testing.TB) []string { return []string{"a connection: LISTEN \"a\""} }
		return h
	}},
}
