package conformance_test

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var goldenMutants = []mutant[conformance.CodecHarness]{
	breaksCodec("GoldenMessages", "insists on a namespace", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil && env.NSP == "" {
				return nil, codec.ErrMalformed
			}
			return env, err
		}
	}),
	breaksCodec("GoldenMessages", "takes no room that it can read for everybody", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil {
				env.Opts.Nobody = false
			}
			return env, err
		}
	}),
	breaksCodec("GoldenMessages", "refuses a message for one odd value", func(m *mutableCodec) {
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
	breaksCodec("GoldenMessages", "writes in its own way", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			return append(p, ' '), err
		}
	}),
	failing("GoldenMessages", "does not mind trailing bytes", func([]byte, codec.Format) (*codec.Envelope, error) {
		return &codec.Envelope{Type: codec.Heartbeat}, nil
	}),
}
