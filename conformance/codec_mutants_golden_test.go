package conformance_test

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var goldenMutants = []mutant[conformance.CodecHarness]{
	breaksCodec("GoldenMessages", "requires a namespace", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil && env.NSP == "" {
				return nil, codec.ErrMalformed
			}
			return env, err
		}
	}),
	breaksCodec("GoldenMessages", "treats a list of unreadable rooms as everybody", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil {
				env.Opts.Nobody = false
			}
			return env, err
		}
	}),
	breaksCodec("GoldenMessages", "refuses a message because of one invalid value", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil && env.Skipped > 0 {
				return nil, codec.ErrMalformed
			}
			return env, err
		}
	}),
	breaksCodec("GoldenMessages", "does not count what it skips", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil {
				env.Skipped = 0
			}
			return env, err
		}
	}),
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
