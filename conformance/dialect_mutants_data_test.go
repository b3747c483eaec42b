package conformance_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// changesData returns a mutant that changes the data of users after it has read it.
func changesData(check, bug string, change func(tree any) any) mutant[conformance.DialectHarness] {
	return receives(check, bug, func(env *codec.Envelope) { changeData(env, change) })
}

func changesText(bug string, change func(s string) string) mutant[conformance.DialectHarness] {
	return receives("TextRoundTrips", bug, func(env *codec.Envelope) {
		for _, list := range [][]string{env.Opts.Rooms, env.Opts.Except} {
			for i := range list {
				list[i] = change(list[i])
			}
		}
		changeData(env, func(tree any) any {
			if s, ok := tree.(string); ok {
				return change(s)
			}
			return tree
		})
	})
}

var dialectDataMutants = []mutant[conformance.DialectHarness]{
	changesText("ends texts at NUL", func(s string) string { before, _, _ := strings.Cut(s, "\x00"); return before }),
	changesText("trims texts", strings.TrimSpace),
	changesText("replaces characters beyond the basic plane", func(s string) string {
		return strings.Map(func(r rune) rune { return min(r, 0xffff) }, s)
	}),
	receives("TextRoundTrips", "ends the names of rooms at #", func(env *codec.Envelope) {
		for i, r := range env.Opts.Rooms {
			env.Opts.Rooms[i] = mainNamespace(r)
		}
	}),
	receives("TextRoundTrips", "forgets empty rooms", func(env *codec.Envelope) {
		if len(env.Opts.Rooms) == 1 && env.Opts.Rooms[0] == "" {
			env.Opts.Rooms = nil
		}
	}),

	changesData("BytesRoundTrip", "makes bytes text", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			return string(p)
		}
		return tree
	}),
	changesData("BytesRoundTrip", "cuts many bytes", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			return p[:min(len(p), 20_000)]
		}
		return tree
	}),
	refusesToSend("BytesRoundTrip", "refuses bytes on every bus", codec.ErrBinary, hasBytes),
	refusesToSend("BytesRoundTrip", "refuses bytes with an error of its own", errors.New("bytes"), hasBytes),

	changesData("NumbersRoundTrip", "makes all numbers float64", func(tree any) any {
		if n, ok := tree.(int64); ok {
			return float64(n)
		}
		return tree
	}),
	changesData("NumbersRoundTrip", "forgets the sign of -0", func(tree any) any {
		if f, ok := tree.(float64); ok && f == 0 {
			return int64(0)
		}
		return tree
	}),
	changesData("NumbersRoundTrip", "cuts integers to 63 bits", func(tree any) any {
		if n, ok := tree.(uint64); ok {
			return n & math.MaxInt64
		}
		return tree
	}),

	changesData("ShapesRoundTrip", "makes empty lists null", func(tree any) any {
		if list, ok := tree.([]any); ok && len(list) == 0 {
			return nil
		}
		return tree
	}),
	changesData("ShapesRoundTrip", "cuts times to seconds", func(tree any) any {
		switch at := tree.(type) {
		case time.Time:
			return at.Truncate(time.Second)
		case string:
			return strings.Replace(at, ".999Z", "Z", 1)
		}
		return tree
	}),
	changesData("ShapesRoundTrip", "reverses the keys of objects", func(tree any) any {
		o, ok := tree.(codec.Object)
		if !ok {
			return tree
		}
		var reversed codec.Object
		for i := range o {
			reversed = append(reversed, o[len(o)-1-i])
		}
		return reversed
	}),

	changesData("LargeDataRoundTrips", "cuts texts of more than 65536 bytes", func(tree any) any {
		if s, ok := tree.(string); ok {
			return s[:min(len(s), 65_536)]
		}
		return tree
	}),
	breaksWire("LargeDataRoundTrips", "refuses what does not fit the bus", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			if most := w.limits.Payload; err == nil && most > 0 && len(p)-len(dst) > most {
				return dst, errors.New("too large")
			}
			return p, err
		}
	}),

	sends("ManyRoomsRoundTrip", "writes at most 65535 rooms", func(env *codec.Envelope) {
		env.Opts.Rooms = env.Opts.Rooms[:min(len(env.Opts.Rooms), 65_535)]
	}),
	sends("ManyRoomsRoundTrip", "writes at most 255 exceptions", func(env *codec.Envelope) {
		env.Opts.Except = env.Opts.Except[:min(len(env.Opts.Except), 255)]
	}),
}

// hasBytes reports whether the arguments of an event hold bytes.
func hasBytes(env *codec.Envelope) (found bool) {
	tree, err := env.Args.Value().Tree()
	if err == nil {
		changeTree(tree, func(tree any) any {
			_, is := tree.([]byte)
			found = found || is
			return tree
		})
	}
	return found
}

var dialectAppendMutants = []mutant[conformance.DialectHarness]{
	breaksWire("PayloadsSuitTheBus", "writes the binary form on every bus", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			if err == nil {
				p = append(p, 0)
			}
			return p, err
		}
	}),
	breaksWire("PayloadsSuitTheBus", "pastes ids of requests", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			if err == nil && env.RequestID != "" {
				p = append(append(p, "id="...), env.RequestID...)
			}
			return p, err
		}
	}),

	breaksWire("AppendAppends", "overwrites dst", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) { return w.richWire.Append(dst[:0], env) }
	}),
	breaksWire("AppendAppends", "forgets dst if it has no room", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if cap(dst)-len(dst) < 16 {
				return w.richWire.Append(nil, env)
			}
			return w.richWire.Append(dst, env)
		}
	}),
	breaksWire("AppendAppends", "overwrites dst before an error", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			if err != nil && len(dst) > 0 {
				dst[0] = 'x'
			}
			return p, err
		}
	}),

	breaksWire("AppendRetainsNothing", "returns a buffer that it uses again", func(w *mutableWire) {
		var buffer []byte
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if len(dst) > 0 {
				return w.richWire.Append(dst, env)
			}
			p, err := w.richWire.Append(buffer[:0], env)
			if err == nil {
				buffer = p
			}
			return p, err
		}
	}),
	breaksWire("AppendRetainsNothing", "returns the same bytes for the same message", func(w *mutableWire) {
		cache := make(map[string][]byte)
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(nil, env)
			if err != nil || len(dst) > 0 {
				return append(dst, p...), err
			}
			key := string(p)
			if cache[key] == nil {
				cache[key] = p
			}
			return cache[key], nil
		}
	}),

	breaksWire("AppendLeavesTheEnvelope", "sorts rooms", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if r := env.Opts.Rooms; len(r) > 1 && r[0] > r[1] {
				r[0], r[1] = r[1], r[0]
			}
			return w.richWire.Append(dst, env)
		}
	}),
	breaksWire("AppendLeavesTheEnvelope", "resets the nonce", func(w *mutableWire) {
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			p, err := w.richWire.Append(dst, env)
			env.Nonce = 0
			return p, err
		}
	}),
	breaksWire("AppendLeavesTheEnvelope", "remembers what it has written of an envelope", func(w *mutableWire) {
		cache := make(map[*codec.Envelope][]byte)
		w.append = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if p := cache[env]; p != nil {
				return append(dst, p...), nil
			}
			p, err := w.richWire.Append(dst, env)
			if err == nil {
				cache[env] = bytes.Clone(p[len(dst):])
			}
			return p, err
		}
	}),

	sends("NonceTellsEqualMessagesApart", "does not write it", func(env *codec.Envelope) { env.Nonce = 0 }),
	sends("NonceTellsEqualMessagesApart", "writes 32 bits of it", func(env *codec.Envelope) {
		env.Nonce = uint64(uint32(env.Nonce))
	}),
	sends("NonceTellsEqualMessagesApart", "writes it into the event", func(env *codec.Envelope) {
		if env.Nonce != 0 && env.Type == codec.Broadcast {
			env.Opts.Rooms = append([]string{"nonce"}, env.Opts.Rooms...)
		}
	}),
	sends("NonceTellsEqualMessagesApart", "does not write it into references", func(env *codec.Envelope) {
		if env.AttachmentID != "" {
			env.Nonce = 0
		}
	}),
}
