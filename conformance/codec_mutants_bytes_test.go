package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var appendMutants = []mutant[conformance.CodecHarness]{
	breaksCodec("TextIsText", "does not escape NUL", func(m *mutableCodec) { m.rewrites(`\u0000`, "\x00") }),
	breaksCodec("TextIsText", "does not look at what it is given", func(m *mutableCodec) { m.rewrites("\ufffd", "\xff") }),
	breaksCodec("AppendAppends", "returns the message alone", func(m *mutableCodec) {
		m.append = func(_ []byte, env *codec.Envelope, f codec.Format) ([]byte, error) { return m.good.Append(nil, env, f) }
	}),
	breaksCodec("AppendAppends", "writes over what is there", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			return m.good.Append(dst[:0], env, f)
		}
	}),
	breaksCodec("AppendAppends", "uses the end of dst's room as a scratch", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			if err == nil && cap(dst) >= 1<<16 {
				p[len(p)-1] = '?'
			}
			return p, err
		}
	}),
	breaksCodec("AppendKeepsNothing", "returns a part of its own buffer", func(m *mutableCodec) {
		var buffer []byte
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) (p []byte, err error) {
			if dst != nil {
				return m.good.Append(dst, env, f)
			}
			buffer, err = m.good.Append(buffer[:0], env, f)
			return buffer, err
		}
	}),
	breaksCodec("AppendLeavesTheEnvelope", "sorts the caller's rooms", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			slices.Sort(env.Rooms)
			return m.good.Append(dst, env, f)
		}
	}),
	breaksCodec("AppendLeavesTheEnvelope", "fills in the envelope", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			if env.RequesterUID == "" {
				env.RequesterUID = env.UID
			}
			return m.good.Append(dst, env, f)
		}
	}),
	breaksCodec("ErrBinaryLeavesDst", "writes until it meets bytes", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			if errors.Is(err, codec.ErrBinary) {
				copy(dst, `{"type":3`)
			}
			return p, err
		}
	}),
	breaksCodec("ErrBinaryLeavesDst", "has its own error for bytes", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			if errors.Is(err, codec.ErrBinary) {
				err = errors.New("json: unsupported type: []uint8")
			}
			return p, err
		}
	}),
	writing("NonceTellsEqualMessagesApart", "writes no nonce", func(env *codec.Envelope) { env.Nonce = 0 }),
	writing("NonceTellsEqualMessagesApart", "adds the nonce to the uid", func(env *codec.Envelope) {
		if env.Nonce != 0 {
			env.UID += fmt.Sprint(env.Nonce)
		}
	}),
	breaksCodec("DeepDataIsAnError", "cuts what is too deep", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			if errors.Is(err, codec.ErrDepth) {
				cut := *env
				cut.Value, cut.Sockets = codec.Value{}, nil
				return m.good.Append(dst, &cut, f)
			}
			return p, err
		}
	}),
}

var foreignMutants = []mutant[conformance.CodecHarness]{
	failing("ForeignBytesAreMalformed", "looks at the first byte of nothing", func(p []byte, _ codec.Format) (*codec.Envelope, error) {
		return nil, fmt.Errorf("%w: begins with %x", codec.ErrMalformed, p[0])
	}),
	failing("ForeignBytesAreMalformed", "has its own error", func([]byte, codec.Format) (*codec.Envelope, error) { return nil, errUnexpected }),
	failing("ForeignBytesAreMalformed", "returns nothing at all", func([]byte, codec.Format) (*codec.Envelope, error) { return nil, nil }),
	failing("ForeignBytesAreMalformed", "returns an envelope with its error", func([]byte, codec.Format) (*codec.Envelope, error) {
		return &codec.Envelope{}, codec.ErrMalformed
	}),
	failing("BrokenMessagesAreMalformed", "has its own error for the end of long messages", func(p []byte, _ codec.Format) (*codec.Envelope, error) {
		if len(p) > 60 {
			return nil, errUnexpected
		}
		return nil, codec.ErrMalformed
	}),
	failing("BrokenMessagesAreMalformed", "decodes later, and panics then", func(p []byte, _ codec.Format) (*codec.Envelope, error) {
		return &codec.Envelope{Type: codec.BroadcastAck, Value: codec.Raw(rash{}, append([]byte{0}, p...))}, nil
	}),
	breaksCodec("HostileLengthsCostLittle", "makes room for as many as are announced", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			if bytes.Contains(p, []byte{0xff, 0xff, 0xff, 0xff}) {
				sink = make([]byte, 8<<20)
			}
			return m.good.Parse(p, f)
		}
	}),
	failing("DeepNestingIsMalformed", "has its own error for deep data", func(p []byte, _ codec.Format) (*codec.Envelope, error) {
		return nil, codec.ErrDepth
	}),
	failing("DeepNestingIsMalformed", "stops reading and says nothing", func(p []byte, _ codec.Format) (*codec.Envelope, error) {
		if len(p) > 1000 {
			return &codec.Envelope{}, nil
		}
		return nil, codec.ErrMalformed
	}),
	breaksCodec("UnknownTypesAreNoError", "refuses types it does not know", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err == nil && !env.Type.Known() {
				return nil, codec.ErrMalformed
			}
			return env, err
		}
	}),
	breaksCodec("ParseLeavesItsInput", "decodes in place", func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(bytes.Clone(p), f)
			clear(p)
			return env, err
		}
	}),
}

var codecUseMutants = []mutant[conformance.CodecHarness]{
	breaksCodec("PeekAgreesWithParse", "looks whether the sender is in there somewhere", func(m *mutableCodec) {
		m.peek = func(p []byte, _ codec.Format, uid string) bool { return bytes.Contains(p, []byte(uid)) }
	}),
	breaksCodec("PeekAgreesWithParse", "does not look where the sender ends", func(m *mutableCodec) {
		m.peek = func(p []byte, f codec.Format, uid string) bool {
			return f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`+uid))
		}
	}),
	breaksCodec("PeekAgreesWithParse", "does not know escapes", func(m *mutableCodec) {
		m.peek = func(p []byte, f codec.Format, uid string) bool {
			return f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`+uid+`"`))
		}
	}),
	breaksCodec("PeekIsCalm", "looks at the first byte of nothing", func(m *mutableCodec) {
		m.peek = func(p []byte, f codec.Format, uid string) bool {
			return p[0] != 0 && m.good.SentBy(p, f, uid)
		}
	}),
	breaksCodec("PeekIsCalm", "believes that the sender is there", func(m *mutableCodec) {
		m.peek = func(p []byte, f codec.Format, uid string) bool {
			if f == codec.Text && bytes.HasPrefix(p, []byte(`{"uid":"`)) {
				return string(p[8:8+len(uid)]) == uid && m.good.SentBy(p, f, uid)
			}
			return m.good.SentBy(p, f, uid)
		}
	}),
	breaksCodec("ConcurrentUse", "has one envelope at a time", func(m *mutableCodec) {
		var mu sync.Mutex
		var current *codec.Envelope
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			mu.Lock()
			current = env
			mu.Unlock()
			time.Sleep(100 * time.Microsecond)
			mu.Lock()
			defer mu.Unlock()
			return m.good.Append(dst, current, f)
		}
	}),
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

// sink keeps an allocation from being optimized away.
var sink []byte

// rash is an encoding that trusts its bytes.
type rash struct{}

func (rash) Name() string             { return "rash" }
func (rash) Tree([]byte) (any, error) { panic("index out of range") }

// rewrites makes a mutant write one thing in place of another in its text form.
func (m *mutableCodec) rewrites(old, new string) {
	m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
		p, err := m.good.Append(dst, env, f)
		if f == codec.Text {
			p = bytes.ReplaceAll(p, []byte(old), []byte(new))
		}
		return p, err
	}
}
