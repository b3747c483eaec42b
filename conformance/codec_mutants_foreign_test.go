package conformance_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// ignoresTrailing returns a mutant that accepts certain bytes after a message.
func ignoresTrailing(bug string, cut func(p []byte, f codec.Format) []byte) mutant[conformance.CodecHarness] {
	return breaksCodec("TrailingBytesAreMalformed", "accepts "+bug, func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			env, err := m.good.Parse(p, f)
			if err != nil {
				if q := cut(p, f); len(q) < len(p) {
					return m.good.Parse(q, f)
				}
			}
			return env, err
		}
	})
}

// withoutSecondMessage returns p without a second message that begins like the first.
func withoutSecondMessage(p []byte) []byte {
	if n := min(len(p)/2, 8); n > 0 {
		if i := bytes.LastIndex(p, p[:n]); i > 0 {
			return p[:i]
		}
	}
	return p
}

var foreignMutants = []mutant[conformance.CodecHarness]{
	failing("ForeignBytesAreMalformed", "reads the first byte of empty input",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			return nil, fmt.Errorf("%w: begins with %x", codec.ErrMalformed, p[0])
		}),
	failing("ForeignBytesAreMalformed", "has its own error",
		func([]byte, codec.Format) (*codec.Envelope, error) { return nil, errUnexpected }),
	failing("ForeignBytesAreMalformed", "returns neither an envelope nor an error",
		func([]byte, codec.Format) (*codec.Envelope, error) { return nil, nil }),
	failing("ForeignBytesAreMalformed", "returns an envelope with its error",
		func([]byte, codec.Format) (*codec.Envelope, error) {
			return &codec.Envelope{}, codec.ErrMalformed
		}),
	failing("BrokenMessagesAreMalformed", "has its own error for the end of long messages",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			if len(p) > 60 {
				return nil, errUnexpected
			}
			return nil, codec.ErrMalformed
		}),
	failing("BrokenMessagesAreMalformed", "panics if a message ends with a quote",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			if len(p) > 100 && p[len(p)-1] == '"' {
				panic("index out of range")
			}
			return nil, codec.ErrMalformed
		}),
	failing("BrokenMessagesAreMalformed", "panics if the last byte is wrong",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			if len(p) > 100 && p[len(p)-1] == '}'^0x80 {
				panic("index out of range")
			}
			return nil, codec.ErrMalformed
		}),
	failing("BrokenMessagesAreMalformed", "decodes later, and panics then",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			return &codec.Envelope{Type: codec.BroadcastAck,
				Value: codec.Raw(panickingEncoding{}, append([]byte{0}, p...))}, nil
		}),

	ignoresTrailing("bytes after the text form", func(p []byte, f codec.Format) []byte {
		if f == codec.Text {
			return p[:bytes.LastIndexByte(p, '}')+1]
		}
		return p
	}),
	ignoresTrailing("zeros", func(p []byte, _ codec.Format) []byte { return bytes.TrimRight(p, "\x00") }),
	ignoresTrailing("one zero", func(p []byte, _ codec.Format) []byte { return bytes.TrimSuffix(p, []byte{0}) }),
	ignoresTrailing("white space after the binary form",
		func(p []byte, f codec.Format) []byte { return bytes.TrimRight(p, " \n") }),
	ignoresTrailing("one more byte of any value", func(p []byte, _ codec.Format) []byte {
		return p[:max(0, len(p)-1)]
	}),
	ignoresTrailing("a second message", func(p []byte, _ codec.Format) []byte { return withoutSecondMessage(p) }),
	ignoresTrailing("more than 60,000 bytes", func(p []byte, _ codec.Format) []byte {
		if len(p) > 60_000 {
			return bytes.TrimRight(p, "A\x00")
		}
		return p
	}),

	allocatesFor("allocates for as many elements as announced",
		func(p []byte) bool { return bytes.Contains(p, []byte{0xff, 0xff, 0xff, 0xff}) }),
	allocatesFor("allocates for as many rooms as announced",
		func(p []byte) bool { return bytes.Contains(p, []byte("\xa5rooms\xdd\xff\xff\xff\xff")) }),
	allocatesFor("allocates for a text of a GiB",
		func(p []byte) bool { return bytes.Contains(p, []byte("\xa4data\xdb\x7f\xff\xff\xff")) }),

	failing("DeepNestingIsMalformed", "has its own error for deep data",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			return nil, codec.ErrDepth
		}),
	failing("DeepNestingIsMalformed", "stops reading without an error",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			if len(p) > 1000 {
				return &codec.Envelope{}, nil
			}
			return nil, codec.ErrMalformed
		}),
	failing("DeepNestingIsMalformed", "recurses through all levels of JSON before it refuses them",
		func(p []byte, _ codec.Format) (*codec.Envelope, error) {
			recurse(bytes.TrimRight(p, "]}"))
			return nil, codec.ErrMalformed
		}),
	acceptsLevels("accepts one level too many", codec.MaxDepth+1),
	acceptsLevels("accepts 128 levels", 128),
	acceptsLevels("accepts 10,000 levels", 10_000),

	refuses("UnknownTypesAreNoError", "refuses types it does not know",
		func(env *codec.Envelope) bool { return !env.Type.Known() }),
}

// allocatesFor returns a mutant that allocates a lot for some messages.
func allocatesFor(bug string, when func(p []byte) bool) mutant[conformance.CodecHarness] {
	return breaksCodec("HostileLengthsAllocateLittle", bug, func(m *mutableCodec) {
		m.parse = func(p []byte, f codec.Format) (*codec.Envelope, error) {
			if when(p) {
				keepAlive(make([]byte, 8<<20))
			}
			return m.good.Parse(p, f)
		}
	})
}

// acceptsLevels returns a mutant that reads messages with too many nested arrays or objects in their data.
func acceptsLevels(bug string, most int) mutant[conformance.CodecHarness] {
	return failing("DeepNestingIsMalformed", bug, func(p []byte, f codec.Format) (*codec.Envelope, error) {
		if n := max(strings.Count(string(p), "[["), strings.Count(string(p), `{"a":{`)); f == codec.Text &&
			bytes.HasPrefix(p, []byte(`{"uid"`)) && n > 40 && 2*n <= most {
			return &codec.Envelope{}, nil
		}
		return nil, codec.ErrMalformed
	})
}

// lastAllocated keeps an allocation from being optimized away. It is atomic because many mutants run in
// parallel.
var lastAllocated atomic.Pointer[[]byte]

func keepAlive(p []byte) { lastAllocated.Store(&p) }

// panickingEncoding is an encoding that panics when its data is decoded.
type panickingEncoding struct{}

func (panickingEncoding) Name() string             { return "rash" }
func (panickingEncoding) Tree([]byte) (any, error) { panic("index out of range") }

// recurse recurses once for each bracket.
func recurse(p []byte) int {
	if i := bytes.IndexAny(p, "[{"); i >= 0 {
		return 1 + recurse(p[i+1:])
	}
	return 0
}
