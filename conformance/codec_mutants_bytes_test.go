package conformance_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// appending returns a mutant that changes the result of a correct Append.
func appending(check, bug string, change func(m *mutableCodec, dst, p []byte, env *codec.Envelope, f codec.Format,
	err error) ([]byte, error)) mutant[conformance.CodecHarness] {
	return breaksCodec(check, bug, func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			return change(m, dst, p, env, f, err)
		}
	})
}

// rewritesText returns a mutant that replaces bytes in its text form.
func rewritesText(check, bug, old, new string) mutant[conformance.CodecHarness] {
	return appending(check, bug, func(_ *mutableCodec, _, p []byte, _ *codec.Envelope, f codec.Format,
		err error) ([]byte, error) {
		if f == codec.Text {
			p = bytes.ReplaceAll(p, []byte(old), []byte(new))
		}
		return p, err
	})
}

// levels returns the nesting depth of a value.
func levels(v codec.Value) int {
	tree, err := v.Tree()
	if err != nil {
		return 0
	}
	return levelsOf(tree)
}

func levelsOf(tree any) (n int) {
	switch t := tree.(type) {
	case []any:
		for _, e := range t {
			n = max(n, levelsOf(e))
		}
		n++
	case codec.Object:
		for _, m := range t {
			n = max(n, levelsOf(m.Value))
		}
		n++
	}
	return n
}

// nesting returns a mutant that refuses data of some depths.
func nesting(bug string, refused func(levels int) bool) mutant[conformance.CodecHarness] {
	return appending("NestingRoundTrips", bug, func(_ *mutableCodec, dst, p []byte, env *codec.Envelope,
		_ codec.Format, err error) ([]byte, error) {
		if refused(levels(env.Value)) {
			return dst, codec.ErrDepth
		}
		return p, err
	})
}

// cuttingDepth returns a mutant that drops data of some depths above the limit, without an error.
func cuttingDepth(bug string, cut func(levels int) bool) mutant[conformance.CodecHarness] {
	return appending("DeepDataIsAnError", bug, func(m *mutableCodec, dst, p []byte, env *codec.Envelope,
		f codec.Format, err error) ([]byte, error) {
		if !errors.Is(err, codec.ErrDepth) || !cut(levels(env.Value)) {
			return p, err
		}
		less := *env
		less.Value, less.Sockets = codec.Value{}, nil
		return m.good.Append(dst, &less, f)
	})
}

// changesCallers returns a mutant that changes the caller's envelope before it writes it.
func changesCallers(bug string, change func(env *codec.Envelope)) mutant[conformance.CodecHarness] {
	return breaksCodec("AppendLeavesTheEnvelope", bug, func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			change(env)
			return m.good.Append(dst, env, f)
		}
	})
}

// writesBefore returns a mutant that has overwritten dst when it fails with an error.
func writesBefore(bug string, failed error) mutant[conformance.CodecHarness] {
	return appending("ErrBinaryLeavesDst", bug,
		func(_ *mutableCodec, dst, p []byte, _ *codec.Envelope, _ codec.Format, err error) ([]byte, error) {
			if errors.Is(err, failed) {
				copy(dst, `{"type":3`)
			}
			return p, err
		})
}

var appendMutants = []mutant[conformance.CodecHarness]{
	rewritesText("TextIsText", "does not escape NUL", `\u0000`, "\x00"),
	rewritesText("TextIsText", "does not validate texts", "\ufffd", "\xff"),
	rewritesText("TextIsText", "encodes U+10FFFF as surrogates", "\U0010ffff", "\xed\xaf\xbf\xed\xbf\xbf"),
	appending("TextIsText", "cuts characters in long texts",
		func(_ *mutableCodec, _, p []byte, _ *codec.Envelope, f codec.Format, err error) ([]byte, error) {
			if i := 65_000; f == codec.Text && len(p) > i+4 {
				for p[i] < 0x80 {
					i++
				}
				p = slices.Delete(p, i, i+1)
			}
			return p, err
		}),

	breaksCodec("AppendAppends", "returns the message alone", func(m *mutableCodec) {
		m.append = func(_ []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			return m.good.Append(nil, env, f)
		}
	}),
	breaksCodec("AppendAppends", "overwrites the contents of dst", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			return m.good.Append(dst[:0], env, f)
		}
	}),
	breaksCodec("AppendAppends", "overwrites the contents of dst if they are long", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			if len(dst) > 1<<17 {
				dst = dst[:0]
			}
			return m.good.Append(dst, env, f)
		}
	}),
	appending("AppendAppends", "uses the spare capacity of dst as scratch space",
		func(_ *mutableCodec, dst, p []byte, _ *codec.Envelope, _ codec.Format, err error) ([]byte, error) {
			if err == nil && cap(dst) >= 1<<16 {
				p[len(p)-1] = '?'
			}
			return p, err
		}),
	appending("AppendAppends", "loses the end of messages that do not fit into dst",
		func(_ *mutableCodec, dst, p []byte, _ *codec.Envelope, _ codec.Format, err error) ([]byte, error) {
			if len(dst) > 0 && len(p) > cap(dst) && len(p) > 65536 {
				p = p[:cap(dst)]
			}
			return p, err
		}),
	appending("AppendAppends", "changes the last byte of dst",
		func(_ *mutableCodec, dst, p []byte, _ *codec.Envelope, _ codec.Format, err error) ([]byte, error) {
			if len(dst) > 0 {
				dst[len(dst)-1] ^= 1
			}
			return p, err
		}),

	changesCallers("sorts the caller's rooms", func(env *codec.Envelope) { slices.Sort(env.Rooms) }),
	changesCallers("sorts the caller's exceptions", func(env *codec.Envelope) { slices.Sort(env.Opts.Except) }),
	changesCallers("fills in the namespace", func(env *codec.Envelope) { env.NSP = cmp.Or(env.NSP, "/") }),
	breaksCodec("AppendLeavesTheEnvelope", "caches the encoding of an envelope", func(m *mutableCodec) {
		type key struct {
			env *codec.Envelope
			f   codec.Format
		}
		var mu sync.Mutex
		written := make(map[key][]byte)
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if p := written[key{env, f}]; p != nil {
				return append(dst, p...), nil
			}
			p, err := m.good.Append(dst, env, f)
			if err == nil {
				written[key{env, f}] = bytes.Clone(p[len(dst):])
			}
			return p, err
		}
	}),
	changesCallers("fills in the requester", func(env *codec.Envelope) {
		env.RequesterUID = cmp.Or(env.RequesterUID, env.UID)
	}),
	breaksCodec("AppendLeavesTheEnvelope", "clears the sockets of an answer after it has written them",
		func(m *mutableCodec) {
			m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
				p, err := m.good.Append(dst, env, f)
				clear(env.Sockets)
				return p, err
			}
		}),

	writesBefore("writes into dst until it finds bytes", codec.ErrBinary),
	writesBefore("writes into dst until the data is too deep", codec.ErrDepth),
	writesBefore("writes into dst until it finds Opts.Nobody", codec.ErrNobody),
	appending("ErrBinaryLeavesDst", "has its own error for bytes",
		func(_ *mutableCodec, _, p []byte, _ *codec.Envelope, _ codec.Format, err error) ([]byte, error) {
			if errors.Is(err, codec.ErrBinary) {
				err = errors.New("json: unsupported type: []uint8")
			}
			return p, err
		}),

	writing("NonceTellsEqualMessagesApart", "writes no nonce", func(env *codec.Envelope) { env.Nonce = 0 }),
	writing("NonceTellsEqualMessagesApart", "writes the nonce in 8 bits",
		func(env *codec.Envelope) { env.Nonce &= 255 }),
	writing("NonceTellsEqualMessagesApart", "writes the nonce in 32 bits",
		func(env *codec.Envelope) { env.Nonce = uint64(uint32(env.Nonce)) }),
	writing("NonceTellsEqualMessagesApart", "writes the nonce as a float32",
		func(env *codec.Envelope) { env.Nonce = uint64(float32(env.Nonce)) }),
	writing("NonceTellsEqualMessagesApart", "writes no nonce into references", func(env *codec.Envelope) {
		if env.AttachmentID != "" {
			env.Nonce = 0
		}
	}),
	writing("NonceTellsEqualMessagesApart", "adds the nonce to the uid", func(env *codec.Envelope) {
		if env.Nonce != 0 {
			env.UID += fmt.Sprint(env.Nonce)
		}
	}),

	nesting("refuses more than 32 levels", func(n int) bool { return n > 32 }),
	nesting("refuses more than 64 levels", func(n int) bool { return n > 64 }),
	nesting("refuses more than 95 levels", func(n int) bool { return n > 95 }),
	nesting("refuses exactly 16 levels", func(n int) bool { return n == 16 }),
	cuttingDepth("drops data that is too deep", func(int) bool { return true }),
	cuttingDepth("drops data with one level too many", func(n int) bool { return n == codec.MaxDepth+1 }),
	cuttingDepth("counts levels in 7 bits", func(n int) bool { return n == 128 }),
	cuttingDepth("counts levels in 8 bits", func(n int) bool { return n == 256 }),
	cuttingDepth("drops data that is very deep", func(n int) bool { return n > 50_000 }),
}
