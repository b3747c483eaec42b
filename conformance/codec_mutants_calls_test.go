package conformance_test

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// codecCallMutants have a bug in one call of many, or keep state from one call to the next.
func codecCallMutants() (all []mutant[conformance.CodecHarness]) {
	const check = "LaterCallsBehaveTheSame"
	for _, nth := range []int64{100, 1000, 5000} {
		due := func(count *atomic.Int64) bool { return count.Add(1)%nth == 0 }
		call := fmt.Sprintf(" in every call number %d", nth)
		all = append(all,
			breaksCodec(check, "fails"+call+" of Append", func(m *mutableCodec) {
				var count atomic.Int64
				m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
					if due(&count) {
						return dst, errUnexpected
					}
					return m.good.Append(dst, env, f)
				}
			}),
			breaksCodec(check, "writes the namespace of the message before"+call, func(m *mutableCodec) {
				var count atomic.Int64
				var before atomic.Pointer[codec.Envelope]
				m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
					last := before.Swap(env)
					if last != nil && last.NSP != env.NSP && due(&count) {
						changed := *env
						changed.NSP = last.NSP
						env = &changed
					}
					return m.good.Append(dst, env, f)
				}
			}),
			breaksCodec(check, "loses the last argument of a broadcast"+call+" of Append in the text form",
				func(m *mutableCodec) {
					var count atomic.Int64
					m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
						if values, err := env.Args.Values(); err == nil && len(values) > 0 &&
							env.Type == codec.Broadcast && f == codec.Text && due(&count) {
							changed := *env
							changed.Args, _ = codec.NewArgs(env.Args.Event())
							env = &changed
						}
						return m.good.Append(dst, env, f)
					}
				}),
			breaksCodec(check, "forgets the rooms"+call+" of Parse", func(m *mutableCodec) {
				var count atomic.Int64
				m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
					env, err := m.good.Parse(p, f)
					if err == nil && env.Opts.Rooms != nil && due(&count) {
						env.Opts.Rooms = nil
					}
					return env, err
				}
			}),
			breaksCodec(check, "returns false"+call+" of SentBy", func(m *mutableCodec) {
				var count atomic.Int64
				m.peek = func(p []byte, f codec.Format, uid string) bool {
					return !due(&count) && m.good.SentBy(p, f, uid)
				}
			}))
	}
	for _, n := range []int64{1, 2, 100, 5000} {
		buffers := fmt.Sprintf("%d buffers", n)
		all = append(all,
			breaksCodec("AppendRetainsNothing", "writes into its own "+buffers+" in turn", func(m *mutableCodec) {
				ring, count := make([][]byte, n), 0
				m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
					if dst != nil {
						return m.good.Append(dst, env, f)
					}
					count++
					at := &ring[count%len(ring)]
					p, err := m.good.Append((*at)[:0], env, f)
					*at = p
					return p, err
				}
			}),
			breaksCodec("ParsedEnvelopesBelongToCaller", "copies its input into its own "+buffers+" in turn",
				func(m *mutableCodec) {
					ring, count := make([][]byte, n), 0
					m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
						count++
						at := &ring[count%len(ring)]
						*at = append((*at)[:0], p...)
						return m.good.Parse(*at, f)
					}
				}),
			breaksCodec("ParsedEnvelopesBelongToCaller", fmt.Sprintf("reads into %d envelopes in turn", n),
				func(m *mutableCodec) {
					ring, count := make([]codec.Envelope, n), 0
					m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
						env, err := m.good.Parse(p, f)
						if err != nil {
							return nil, err
						}
						count++
						at := &ring[count%len(ring)]
						*at = *env
						return at, nil
					}
				}))
	}
	return append(all,
		breaksCodec("AppendRetainsNothing", "caches the encoding of an envelope", func(m *mutableCodec) {
			type key struct {
				env *codec.Envelope
				f   codec.Format
			}
			known := make(map[key][]byte)
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				if p, ok := known[key{env, f}]; ok && dst == nil {
					return p, nil
				}
				p, err := m.good.Append(dst, env, f)
				if err == nil && dst == nil {
					known[key{env, f}] = p
				}
				return p, err
			}
		}),
		breaksCodec("ParsedEnvelopesBelongToCaller", "shares lists of rooms", func(m *mutableCodec) {
			known := make(map[string][]string)
			m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
				env, err := m.good.Parse(p, f)
				if err == nil && len(env.Opts.Rooms) > 0 {
					key := fmt.Sprintf("%q", env.Opts.Rooms)
					if known[key] == nil {
						known[key] = env.Opts.Rooms
					}
					env.Opts.Rooms = known[key]
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
		breaksCodec("ParseLeavesItsInput", "decodes escapes in place", func(m *mutableCodec) {
			m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
				env, err := m.good.Parse(bytes.Clone(p), f)
				if i := bytes.Index(p, []byte(`\n`)); i >= 0 {
					p[i] = '\n'
				}
				return env, err
			}
		}),
		breaksCodec("ParseLeavesItsInput", "terminates more than 65536 bytes with NUL", func(m *mutableCodec) {
			m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
				env, err := m.good.Parse(bytes.Clone(p), f)
				if len(p) > 65536 {
					p[len(p)-1] = 0
				}
				return env, err
			}
		}),
		breaksCodec("ConcurrentUse", "supports one envelope at a time", func(m *mutableCodec) {
			var current atomic.Pointer[codec.Envelope]
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				current.Store(env)
				if _, err := m.good.Append(nil, env, f); err != nil {
					return dst, err
				}
				return m.good.Append(dst, current.Load(), f)
			}
		}),
		breaksCodec("ConcurrentUse", "measures first, and shares the length between calls", func(m *mutableCodec) {
			var length atomic.Int64
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				before := len(dst)
				p, err := m.good.Append(dst, env, f)
				if err != nil {
					return dst, err
				}
				length.Store(int64(len(p) - before))
				q, err := m.good.Append(dst, env, f)
				return q[:min(before+int(length.Load()), len(q))], err
			}
		}),
		breaksCodec("ConcurrentUse", "supports one message at a time", func(m *mutableCodec) {
			var sender atomic.Pointer[string]
			m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
				env, err := m.good.Parse(p, f)
				if err != nil {
					return nil, err
				}
				sender.Store(&env.UID)
				if env, err = m.good.Parse(p, f); err == nil {
					env.UID = *sender.Load()
				}
				return env, err
			}
		}),
		breaksCodec("ConcurrentUse", "panics if two goroutines write", func(m *mutableCodec) {
			var writing atomic.Bool
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				if !writing.CompareAndSwap(false, true) {
					panic("concurrent map writes")
				}
				defer writing.Store(false)
				return m.good.Append(dst, env, f)
			}
		}),
	)
}
