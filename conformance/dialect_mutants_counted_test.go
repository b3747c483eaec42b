package conformance_test

import (
	"strings"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/dialect/standard"
	"github.com/backplane-go/backplane/transport"
)

// countedWire is the wire of the standard dialect, whose nodes are the listeners of a namespace's channel.
type countedWire struct {
	dialect.Wire
	change func(nsp, channel string) string
}

func (w countedWire) CountedChannel(nsp string) string {
	r, err := w.Wire.Namespace(nsp, "")
	if err != nil {
		return ""
	}
	return w.change(nsp, r.Listen()[0])
}

// countedDialect has a countedWire. The func change gets the correct channel.
func countedDialect(change func(nsp, channel string) string) mutableDialect {
	return mutableDialect{open: func(o dialect.Options) (dialect.Wire, error) {
		w, err := standard.Dialect{}.Open(o)
		if err != nil {
			return nil, err
		}
		return countedWire{w, change}, nil
	}}
}

func counts(check, bug string, change func(nsp, channel string) string) mutant[conformance.DialectHarness] {
	return breaksDialect(check, bug, func() mutableDialect { return countedDialect(change) })
}

var countedMutants = []mutant[conformance.DialectHarness]{
	counts("CountedChannelIsHeard", "counts who listens to no channel of the namespace",
		func(_, channel string) string { return channel + "#requests" }),
	counts("CountedChannelIsHeard", "returns a prefix",
		func(_, channel string) string { return transport.PrefixName(channel) }),
	counts("CountedChannelIsHeard", "returns nothing for long names", func(nsp, channel string) string {
		if len(nsp) > 30 {
			return ""
		}
		return channel
	}),
	counts("OnlyNodesAreCounted", "counts the nodes of the main namespace", func(nsp, channel string) string {
		return strings.TrimSuffix(channel, nsp) + "/"
	}),
	counts("OnlyNodesAreCounted", "counts the nodes of another cluster", func(_, channel string) string {
		return strings.Replace(channel, "socket.io", "socket", 1)
	}),
}
