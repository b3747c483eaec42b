package conformance_test

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var goldenMutants = []mutant[conformance.CodecHarness]{
	refuses("GoldenMessages", "requires a namespace", func(env *codec.Envelope) bool { return env.NSP == "" }),
	reading("GoldenMessages", "treats a list of unreadable rooms as everybody",
		func(env *codec.Envelope) { env.Opts.Nobody = false }),
	refuses("GoldenMessages", "refuses a message because of one invalid value",
		func(env *codec.Envelope) bool { return env.Skipped > 0 }),
	reading("GoldenMessages", "does not count what it skips", func(env *codec.Envelope) { env.Skipped = 0 }),
	breaksCodec("GoldenMessages", "appends a space", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			return append(p, ' '), err
		}
	}),
	failing("GoldenMessages", "accepts trailing bytes", func([]byte, codec.Format) (*codec.Envelope, error) {
		return &codec.Envelope{Type: codec.Heartbeat}, nil
	}),
}
