package conformance_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// parsing returns a mutant that does something before a Parse.
func parsing(check, bug string, before func(w *mutableWire, p []byte)) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			before(w, p)
			return w.richWire.Parse(channel, p)
		}
	})
}

// failsToParse returns a mutant whose Parse has other errors.
func failsToParse(check, bug string, change func(channel string, p []byte, err error) error,
) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if err != nil && env == nil {
				return nil, change(channel, p, err)
			}
			return env, err
		}
	})
}

// nest calls itself for each bracket at the start of p.
func nest(p []byte) int {
	if len(p) == 0 || p[0] != '[' {
		return 0
	}
	var frame [64]byte
	copy(frame[:], p)
	return nest(p[1:]) + int(frame[0])
}

var dialectForeignMutants = []mutant[conformance.DialectHarness]{
	parsing("ForeignBytesAreMalformed", "reads the first byte of nothing", func(_ *mutableWire, p []byte) { _ = p[0] }),
	parsing("ForeignBytesAreMalformed", "reads two elements of a pair", func(_ *mutableWire, p []byte) {
		if bytes.HasPrefix(p, []byte(`["`)) {
			_ = bytes.Split(p, []byte(`","`))[1]
		}
	}),
	failsToParse("ForeignBytesAreMalformed", "returns the errors of its libraries",
		func(string, []byte, error) error { return errors.New("unexpected end of JSON input") }),
	failsToParse("ForeignBytesAreMalformed", "returns another error on the channel of processes",
		func(channel string, _ []byte, err error) error {
			if strings.HasSuffix(channel, "#*") {
				return errors.New("not a heartbeat")
			}
			return err
		}),

	parsing("BrokenMessagesAreMalformed", "expects the end of an object", func(_ *mutableWire, p []byte) {
		if bytes.HasPrefix(p, []byte(`{"uid":"`)) {
			_ = p[bytes.LastIndexByte(p, '}')]
		}
	}),
	parsing("BrokenMessagesAreMalformed", "expects a digit as type", func(_ *mutableWire, p []byte) {
		if _, after, ok := bytes.Cut(p, []byte(`"type":`)); ok && (after[0] < '0' || after[0] > '9') {
			panic("not a digit")
		}
	}),
	failsToParse("BrokenMessagesAreMalformed", "returns another error for what was cut", func(_ string, p []byte,
		err error,
	) error {
		if len(p) > 100 {
			return errors.New("unexpected end of message")
		}
		return err
	}),

	parsing("HostileLengthsAllocateLittle", "trusts the length of a list", func(_ *mutableWire, p []byte) {
		if i := bytes.IndexByte(p, 0xdd); i >= 0 && len(p) >= i+5 {
			keepAlive(make([]byte, min(binary.BigEndian.Uint32(p[i+1:]), 8<<20)))
		}
	}),
	parsing("HostileLengthsAllocateLittle", "trusts the length of a list in text", func(_ *mutableWire, p []byte) {
		if bytes.Contains(p, []byte("999999999")) {
			keepAlive(make([]byte, 8<<20))
		}
	}),

	parsing("DeepNestingIsMalformed", "calls itself for each bracket", func(_ *mutableWire, p []byte) { nest(p) }),
	parsing("DeepNestingIsMalformed", "calls itself for each bracket of a pair", func(_ *mutableWire, p []byte) {
		if _, after, ok := bytes.Cut(p, []byte(`["a",`)); ok {
			nest(after)
		}
	}),

	parsing("ParseLeavesItsInput", "ends texts in place", func(_ *mutableWire, p []byte) {
		if i := bytes.Index(p, []byte(`","type"`)); i > 0 {
			p[i] = 0
		}
	}),
	parsing("ParseLeavesItsInput", "makes the last byte a line feed", func(_ *mutableWire, p []byte) {
		if len(p) > 0 && p[len(p)-1] == '}' {
			p[len(p)-1] = '\n'
		}
	}),
	breaksWire("ParseLeavesItsInput", "replaces escapes afterwards", func(w *mutableWire) {
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, bytes.Clone(p))
			if i := bytes.IndexByte(p, '\\'); i >= 0 {
				p[i] = ' '
			}
			return env, err
		}
	}),

	breaksWire("ParsedEnvelopesBelongToCaller", "has one envelope for all messages", func(w *mutableWire) {
		shared := &codec.Envelope{}
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if err != nil {
				return env, err
			}
			*shared = *env
			return shared, nil
		}
	}),
	breaksWire("ParsedEnvelopesBelongToCaller", "has one list of rooms for all messages", func(w *mutableWire) {
		rooms := make([]string, 100)
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.Parse(channel, p)
			if err == nil && len(env.Opts.Rooms) > 0 && len(env.Opts.Rooms) < len(rooms) {
				n := copy(rooms, env.Opts.Rooms)
				env.Opts.Rooms = rooms[:n]
			}
			return env, err
		}
	}),
	breaksWire("ParsedEnvelopesBelongToCaller", "keeps what it has parsed", func(w *mutableWire) {
		cache := make(map[string]*codec.Envelope)
		w.parse = func(channel string, p []byte) (*codec.Envelope, error) {
			key := channel + string(p)
			if env := cache[key]; env != nil {
				return env, nil
			}
			env, err := w.richWire.Parse(channel, p)
			if err == nil {
				cache[key] = env
			}
			return env, err
		}
	}),
}

var attachMutants = []mutant[conformance.DialectHarness]{
	storing("BodiesRoundTrip", "forgets the key of the reference",
		func(env *codec.Envelope) { env.AttachmentKey = "" }),
	storing("BodiesRoundTrip", "forgets the rooms", func(env *codec.Envelope) { env.Opts.Rooms = nil }),
	breaksWire("BodiesRoundTrip", "does not keep dst", func(w *mutableWire) {
		w.appendBody = func(_ []byte, env *codec.Envelope) ([]byte, error) { return w.richWire.AppendBody(nil, env) }
	}),
	breaksWire("BodiesRoundTrip", "refuses bytes", func(w *mutableWire) {
		w.appendBody = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			if hasBytes(env) {
				return dst, codec.ErrBinary
			}
			return w.richWire.AppendBody(dst, env)
		}
	}),
	breaksWire("BodiesRoundTrip", "changes the body while it reads it", func(w *mutableWire) {
		w.parseBody = func(p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.ParseBody(bytes.Clone(p))
			p[len(p)-1]++
			return env, err
		}
	}),

	referring("ReferencesRoundTrip", "forgets the key", func(env *codec.Envelope) { env.AttachmentKey = "" }),
	referring("ReferencesRoundTrip", "forgets who has asked", func(env *codec.Envelope) { env.RequesterUID = "" }),
	referring("ReferencesRoundTrip", "writes ids as numbers", func(env *codec.Envelope) {
		env.AttachmentID = strings.TrimLeft(env.AttachmentID, "0")
	}),
	refusesToSend("ReferencesRoundTrip", "has references to broadcasts only", errUnsupported,
		func(env *codec.Envelope) bool { return env.AttachmentID != "" && env.Type != codec.Broadcast }),

	referring("ReferencesAreSmall", "contains a preview", func(env *codec.Envelope) {
		env.AttachmentKey += strings.Repeat("x", 1000)
	}),
	referring("ReferencesAreSmall", "repeats the namespace", func(env *codec.Envelope) {
		env.AttachmentKey += strings.Repeat(env.NSP, 40)
	}),

	breaksWire("ForeignBodiesAreMalformed", "expects a byte", func(w *mutableWire) {
		w.parseBody = func(p []byte) (*codec.Envelope, error) {
			if p[0] == 0xc1 {
				return nil, codec.ErrMalformed
			}
			return w.richWire.ParseBody(p)
		}
	}),
	breaksWire("ForeignBodiesAreMalformed", "returns the errors of its libraries", func(w *mutableWire) {
		w.parseBody = func(p []byte) (*codec.Envelope, error) {
			env, err := w.richWire.ParseBody(p)
			if err != nil {
				return nil, fmt.Errorf("msgpack: %s", err.Error())
			}
			return env, nil
		}
	}),
	breaksWire("ForeignBodiesAreMalformed", "trusts a length", func(w *mutableWire) {
		w.parseBody = func(p []byte) (*codec.Envelope, error) {
			if bytes.HasSuffix(p, []byte("\xdd\xff\xff\xff\xff")) {
				keepAlive(make([]byte, 8<<20))
			}
			return w.richWire.ParseBody(p)
		}
	}),
}

// storing returns a mutant whose AppendBody changes a message before it writes it.
func storing(check, bug string, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return breaksWire(check, bug, func(w *mutableWire) {
		w.appendBody = func(dst []byte, env *codec.Envelope) ([]byte, error) {
			changed := *env
			change(&changed)
			return w.richWire.AppendBody(dst, &changed)
		}
	})
}

// referring returns a mutant that changes a reference before it writes it.
func referring(check, bug string, change func(env *codec.Envelope)) mutant[conformance.DialectHarness] {
	return sends(check, bug, func(env *codec.Envelope) {
		if env.AttachmentID != "" {
			change(env)
		}
	})
}
